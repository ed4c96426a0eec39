"""How good a topic model is, on documents that it has not seen and beside an LDA of the same size: a Processing job."""

"""Processing job that evaluates a topic model on held-out documents and compares it with an LDA baseline."""

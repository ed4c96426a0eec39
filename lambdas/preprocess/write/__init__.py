"""Writers of the preprocessed corpus."""

"""Corpora: readers, bags of words, vocabulary and batches."""

"""Tokenizer, vocabulary and bags of words."""

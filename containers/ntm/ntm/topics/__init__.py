"""Topics: ranking of words, coherence and pruning."""

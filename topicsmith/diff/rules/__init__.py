"""Rules that judge changes, one kind of change per module."""

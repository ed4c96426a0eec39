"""Rules that judge a change, one kind of change a module."""

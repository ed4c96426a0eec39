"""Data bucket and image repository."""

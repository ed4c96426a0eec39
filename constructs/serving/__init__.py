"""The endpoint, its variants, scaling and approval."""

"""Reference documentation and JSON schema generated from the typed environments."""

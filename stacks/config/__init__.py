"""Typed environments: the schema, loading and validation of ``environments/*.yaml`` and ``delivery.yaml``."""

"""AWS services, one folder each, named as in moto."""

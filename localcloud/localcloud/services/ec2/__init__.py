"""Amazon EC2 networking."""

"""Settings, errors and S3 URIs."""

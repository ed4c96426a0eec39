"""VPC placement of jobs and functions."""

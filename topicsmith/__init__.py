"""The operator's command line: what was deployed is run, watched, approved and asked here, on AWS and locally."""

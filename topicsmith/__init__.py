"""Command line ``topicsmith``: runs, models, promotions and inference, on AWS and in the local cloud."""

"""Entry point of the preprocessing Lambda function."""

import logging

from common.settings import Settings
from preprocessing import preprocess


def handler(event: dict[str, object], _context: object) -> dict[str, str]:
    """Convert a corpus in S3 to bags of words.

    Args:
        event: Fields of ``settings.Settings``; numbers may be strings.

    Returns:
        Values that later pipeline steps refer to, all strings: ``feature_dim``, ``documents``,
        ``train_documents``, ``validation_documents``, ``test_documents``, ``train_uri``, ``validation_uri``,
        ``test_uri``, ``auxiliary_uri``, ``documents_uri``, ``heldout_uri``, ``scoring_uri``, ``meta_uri``,
        ``corpus_version``; and ``corpus``, the URI in the form that the model registry accepts.

    Raises:
        errors.CorpusError: The corpus or the settings are unusable.
    """
    # Lambda's root logger drops everything below a warning.
    logging.getLogger("preprocessing").setLevel(logging.INFO)
    settings = Settings.from_event(event)
    # Importing boto3 is slow; reject wrong settings first.
    import boto3

    return preprocess(settings, boto3.client("s3"))

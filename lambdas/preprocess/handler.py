"""The preprocessing function's entry point."""

import logging

from common.settings import Settings
from preprocessing import preprocess


def handler(event: dict[str, object], _context: object) -> dict[str, str]:
    """Make bags of words of a corpus in S3.

    Args:
        event: the fields of ``settings.Settings``; numbers may be strings.

    Returns:
        The values that the pipeline's next steps refer to, all strings: ``feature_dim``, ``documents``,
        ``train_documents``, ``validation_documents``, ``test_documents``, ``train_uri``, ``validation_uri``,
        ``test_uri``, ``auxiliary_uri``, ``documents_uri``, ``heldout_uri``, ``scoring_uri``, ``meta_uri``,
        ``corpus_version``.

    Raises:
        errors.CorpusError: when nothing usable can be made of the corpus or with the settings.
    """
    # The pipeline's log shall hold what was read and written; the function's root logger leaves out all but warnings.
    logging.getLogger("preprocessing").setLevel(logging.INFO)
    settings = Settings.from_event(event)
    # Importing boto3 takes longer than to find out that the settings are wrong.
    import boto3

    return preprocess(settings, boto3.client("s3"))

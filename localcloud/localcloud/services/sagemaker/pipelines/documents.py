"""JSON documents that steps leave in S3, read under the pipeline's role, once per execution."""

import json
import threading
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from localcloud.core.role_sessions import RoleSession
from localcloud.runtime.s3_data import DataError, S3Uri
from localcloud.services.sagemaker.pipelines.expressions import ExpressionError


class Documents:
    """Reader of JSON documents with a cache.

    Args:
        session: Session of the pipeline's role, which needs permission to read them.
    """

    def __init__(self, session: RoleSession):
        self._session = session
        self._lock = threading.Lock()
        self._documents: dict[str, Any] = {}

    def __call__(self, uri: str) -> Any:
        """Return a document.

        Raises:
            ExpressionError: The document does not exist, is not readable or is not JSON.
        """
        with self._lock:
            if uri not in self._documents:
                self._documents[uri] = self._read(uri)
            return self._documents[uri]

    def _read(self, uri: str) -> Any:
        try:
            location = S3Uri.parse(uri)
            body = self._session.client("s3").get_object(Bucket=location.bucket, Key=location.key)["Body"].read()
            return json.loads(body)
        except (DataError, ClientError, BotoCoreError) as error:
            raise ExpressionError(f"ClientError: {uri} cannot be read: {error}") from error
        except ValueError as error:
            raise ExpressionError(f"ClientError: {uri} is not JSON: {error}") from error

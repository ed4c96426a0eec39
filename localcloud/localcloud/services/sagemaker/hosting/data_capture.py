"""Data capture: a sample of an endpoint's requests and responses, in SageMaker's format in S3.

Format: https://docs.aws.amazon.com/sagemaker/latest/dg/model-monitor-data-capture-endpoint.html.
"""

import base64
import json
import logging
import random
import threading
import uuid
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from localcloud.core.role_sessions import RoleSession
from localcloud.core.settings import minute_seconds
from localcloud.runtime.s3_data import S3Uri

logger = logging.getLogger(__name__)

_LARGEST_BUFFER_BYTES = 4 * 1024 * 1024
_MODES = {"Input": ("Input",), "Output": ("Output",), "InputAndOutput": ("Input", "Output")}


@dataclass(frozen=True)
class Payload:
    """Body of a request or a response."""

    content_type: str
    body: bytes


@dataclass(frozen=True)
class CaptureConfig:
    """``DataCaptureConfig`` of an endpoint configuration.

    Attributes:
        percentage: Percentage of captured requests.
        destination: Prefix in S3.
        modes: ``Input``, ``Output``, or both.
        csv_types: Media types stored as CSV.
        json_types: Media types stored as JSON; all others are stored as base64.
    """

    percentage: int
    destination: S3Uri
    kms_key_id: str | None
    modes: frozenset[str]
    csv_types: frozenset[str] = frozenset()
    json_types: frozenset[str] = frozenset()

    @classmethod
    def of(cls, config: Mapping[str, Any] | None) -> "CaptureConfig | None":
        """Return the settings of a ``DataCaptureConfig``, or None if it captures nothing.

        Raises:
            DataError: The destination is not in S3.
        """
        if not config or not config.get("EnableCapture", True):
            return None
        modes = (_MODES[option["CaptureMode"]] for option in config["CaptureOptions"])
        types = config.get("CaptureContentTypeHeader") or {}
        return cls(
            int(config["InitialSamplingPercentage"]),
            S3Uri.parse(config["DestinationS3Uri"]),
            config.get("KmsKeyId"),
            frozenset(mode for names in modes for mode in names),
            frozenset(map(_media_type, types.get("CsvContentTypes", []))),
            frozenset(map(_media_type, types.get("JsonContentTypes", []))),
        )

    def describe(self, *, works: bool) -> dict[str, Any]:
        """Return ``DataCaptureConfigSummary``."""
        return {
            "EnableCapture": True,
            "CaptureStatus": "Started" if works else "Stopped",
            "CurrentSamplingPercentage": self.percentage,
            "DestinationS3Uri": str(self.destination),
            "KmsKeyId": self.kms_key_id or "",
        }

    def encode(self, payload: Payload) -> tuple[str, str]:
        """Return a body as text and its encoding, ``CSV``, ``JSON`` or ``BASE64``."""
        kind = _media_type(payload.content_type)
        encoding = "CSV" if kind in self.csv_types else "JSON" if kind in self.json_types else "BASE64"
        if encoding != "BASE64":
            try:
                return payload.body.decode(), encoding
            except UnicodeDecodeError:
                pass
        return base64.b64encode(payload.body).decode(), "BASE64"


def captured_line(
    config: CaptureConfig,
    request: Payload,
    answer: Payload,
    *,
    inference_id: str | None,
    custom_attributes: str | None,
    time: datetime,
) -> str:
    """Return the JSON line of an invocation."""
    data = {}
    for mode, member, payload in (("Input", "endpointInput", request), ("Output", "endpointOutput", answer)):
        if mode in config.modes:
            text, encoding = config.encode(payload)
            data[member] = {
                "observedContentType": payload.content_type,
                "mode": mode.upper(),
                "data": text,
                "encoding": encoding,
            }
    metadata: dict[str, Any] = {"eventId": str(uuid.uuid4())}
    if custom_attributes:
        metadata["customAttributes"] = [custom_attributes]
    if inference_id:
        metadata["inferenceId"] = inference_id
    metadata["inferenceTime"] = f"{time:%Y-%m-%dT%H:%M:%SZ}"
    return json.dumps({"captureData": data, "eventMetadata": metadata, "eventVersion": "0"})


class DataCapture:
    """Data capture of a deployment, buffered and written to S3 about once a minute.

    Args:
        config: The capture settings.
        endpoint_name: Name of the endpoint.
        session: Session of the model's role, which needs permission to put the objects.
    """

    def __init__(self, config: CaptureConfig, endpoint_name: str, session: RoleSession):
        self.config = config
        self.works = True
        self._endpoint_name = endpoint_name
        self._session = session
        self._client: Any = None
        self._condition = threading.Condition()
        self._files: dict[str, list[str]] = defaultdict(list)
        self._bytes = 0
        self._closed = False
        self._thread = threading.Thread(target=self._deliver, name=f"capture {endpoint_name}", daemon=True)
        self._thread.start()

    def take(
        self, variant_name: str, request: Payload, answer: Payload, inference_id: str | None, attributes: str | None
    ) -> None:
        """Capture an invocation if it is in the sample."""
        if random.random() * 100 >= self.config.percentage:
            return
        now = datetime.now(UTC)
        line = captured_line(
            self.config, request, answer, inference_id=inference_id, custom_attributes=attributes, time=now
        )
        with self._condition:
            self._files[f"{self._endpoint_name}/{variant_name}/{now:%Y/%m/%d/%H}"].append(line)
            self._bytes += len(line)
            if self._bytes > _LARGEST_BUFFER_BYTES:
                self._condition.notify_all()

    def close(self) -> None:
        """Write the buffer and stop capturing."""
        with self._condition:
            self._closed = True
            self._condition.notify_all()
        self._thread.join()

    def _deliver(self) -> None:
        closed = False
        while not closed:
            with self._condition:
                self._condition.wait_for(lambda: self._closed or self._bytes > _LARGEST_BUFFER_BYTES, minute_seconds())
                closed = self._closed
                files, self._files, self._bytes = self._files, defaultdict(list), 0
            for folder, lines in files.items():
                self._put(folder, lines)

    def _put(self, folder: str, lines: Iterable[str]) -> None:
        name = f"{datetime.now(UTC):%M-%S-%f}"[:9] + f"-{uuid.uuid4()}.jsonl"
        uri = self.config.destination / folder / name
        key = self.config.kms_key_id
        encryption = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": key} if key else {}
        body = "".join(f"{line}\n" for line in lines).encode()
        try:
            self._client = self._client or self._session.client("s3")
            self._client.put_object(Bucket=uri.bucket, Key=uri.key, Body=body, **encryption)
            self.works = True
        except (ClientError, BotoCoreError) as error:
            logger.warning("Data capture of endpoint %s to %s failed: %s", self._endpoint_name, uri, error)
            self.works = False


def _media_type(content_type: str) -> str:
    return content_type.partition(";")[0].strip().lower()

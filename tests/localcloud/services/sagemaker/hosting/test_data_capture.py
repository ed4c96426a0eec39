import base64
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localcloud.runtime.s3_data import DataError
from localcloud.services.sagemaker.hosting.data_capture import CaptureConfig, Payload, captured_line

NOW = datetime(2026, 2, 14, 17, 25, 49, 123456, UTC)
CONFIG = {
    "InitialSamplingPercentage": 50,
    "DestinationS3Uri": "s3://bucket/captured",
    "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
    "CaptureContentTypeHeader": {"CsvContentTypes": ["text/csv"], "JsonContentTypes": ["application/json"]},
}


def _captured(config: dict[str, Any], request: Payload, answer: Payload, **more: Any) -> dict[str, Any]:
    given = CaptureConfig.of(config)
    assert given
    options = {"inference_id": None, "custom_attributes": None, "time": NOW, **more}
    line = captured_line(given, request, answer, **options)
    assert "\n" not in line
    captured: dict[str, Any] = json.loads(line)
    return captured


def test_captured_line_has_sagemakers_format() -> None:
    request, answer = Payload("text/csv", b"1,0,2\n"), Payload("application/json; charset=utf-8", b'{"score": 1}')
    captured = _captured(CONFIG, request, answer)
    assert len(captured["eventMetadata"].pop("eventId")) == 36
    assert captured == {
        "captureData": {
            "endpointInput": {
                "observedContentType": "text/csv",
                "mode": "INPUT",
                "data": "1,0,2\n",
                "encoding": "CSV",
            },
            "endpointOutput": {
                "observedContentType": "application/json; charset=utf-8",
                "mode": "OUTPUT",
                "data": '{"score": 1}',
                "encoding": "JSON",
            },
        },
        "eventMetadata": {"inferenceTime": "2026-02-14T17:25:49Z"},
        "eventVersion": "0",
    }


def test_metadata_has_the_callers_values() -> None:
    payload = Payload("text/csv", b"1")
    metadata = _captured(CONFIG, payload, payload, inference_id="mine", custom_attributes="trace=7")["eventMetadata"]
    assert (metadata["inferenceId"], metadata["customAttributes"]) == ("mine", ["trace=7"])


@pytest.mark.parametrize(
    ("modes", "members"),
    [
        (["Input"], {"endpointInput"}),
        (["Output"], {"endpointOutput"}),
        (["InputAndOutput"], {"endpointInput", "endpointOutput"}),
    ],
)
def test_only_the_configured_parts_are_captured(modes: list[str], members: set[str]) -> None:
    payload = Payload("text/csv", b"1")
    options = [{"CaptureMode": mode} for mode in modes]
    assert set(_captured({**CONFIG, "CaptureOptions": options}, payload, payload)["captureData"]) == members


@given(
    body=st.binary(),
    content_type=st.sampled_from(["text/csv", "TEXT/CSV", "application/json", "application/x-recordio-protobuf", ""]),
    declared=st.booleans(),
)
def test_body_can_be_decoded(body: bytes, content_type: str, declared: bool) -> None:
    config = CONFIG if declared else {key: CONFIG[key] for key in CONFIG if key != "CaptureContentTypeHeader"}
    captured = _captured(config, Payload(content_type, body), Payload(content_type, body))
    for member in captured["captureData"].values():
        if member["encoding"] == "BASE64":
            assert base64.b64decode(member["data"]) == body
        else:
            assert declared
            assert member["encoding"] == ("CSV" if content_type.lower() == "text/csv" else "JSON")
            assert member["data"].encode() == body


@pytest.mark.parametrize("config", [None, {}, {**CONFIG, "EnableCapture": False}])
def test_nothing_is_captured_unless_enabled(config: dict[str, Any] | None) -> None:
    assert CaptureConfig.of(config) is None


def test_destination_is_in_s3() -> None:
    with pytest.raises(DataError, match="it must be s3://<bucket>/<key>"):
        CaptureConfig.of({**CONFIG, "DestinationS3Uri": "https://bucket/captured"})


def test_summary_has_the_captured_parts_and_the_status() -> None:
    config = CaptureConfig.of(CONFIG)
    assert config
    assert config.describe(works=True) == {
        "EnableCapture": True,
        "CaptureStatus": "Started",
        "CurrentSamplingPercentage": 50,
        "DestinationS3Uri": "s3://bucket/captured",
        "KmsKeyId": "",
    }
    assert config.describe(works=False)["CaptureStatus"] == "Stopped"

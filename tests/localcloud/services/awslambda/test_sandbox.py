"""Limits of functions: variables, files, and the sizes of events, results and settings."""

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from localcloud.services.awslambda.environment import DEFAULTS, LOCAL_VARIABLES, RESERVED
from tests.localcloud.support import SmallCloud

# Of Lambda's own runtime, or not set for every function.
NOT_HERE = {"AWS_ACCESS_KEY", "AWS_LAMBDA_RUNTIME_API", "LAMBDA_RUNTIME_DIR", "_X_AMZN_TRACE_ID"}


def _invoke(cloud: SmallCloud, name: str, event: object = None) -> tuple[Any, str | None]:
    answer = cloud.client("lambda").invoke(FunctionName=name, Payload=json.dumps(event))
    return json.loads(answer["Payload"].read()), answer.get("FunctionError")


def _handler(body: str) -> dict[str, str]:
    return {"index.py": f"import os, pathlib, sys\ndef handler(event, context):\n    {body}\n"}


@pytest.mark.parametrize("runtime", ["python3.13", "nodejs22.x"])
def test_function_sees_what_lambda_documents(cloud: SmallCloud, runtime: str) -> None:
    files = _handler("return dict(os.environ)") | {"index.js": "exports.handler = async () => process.env;"}
    name = f"variables-{runtime[:4]}"
    cloud.function(name, files, Runtime=runtime, Environment={"Variables": {"GREETING": "hello", "TZ": "Asia/Tokyo"}})
    seen, error = _invoke(cloud, name)
    assert error is None
    assert seen.keys() - LOCAL_VARIABLES.keys() == {*RESERVED - NOT_HERE, *DEFAULTS, "GREETING"}
    assert seen["TZ"] == "Asia/Tokyo"
    assert seen["LANG"] == "en_US.UTF-8"


@pytest.mark.parametrize(("mode", "readable"), [(0o644, True), (0o755, True), (0o600, False), (0o750, False)])
def test_function_reads_only_files_that_everyone_may_read(cloud: SmallCloud, mode: int, readable: bool) -> None:
    name = f"mode-{mode:o}"
    code = {"ZipFile": cloud.package(_handler("return 'read'"), mode)}
    cloud.function(name, {}, Code=code)
    answer, error = _invoke(cloud, name)
    if readable:
        assert (answer, error) == ("read", None)
    else:
        assert error == "Unhandled"
        assert answer["errorType"] == "Runtime.ImportModuleError"
        assert "Permission denied" in answer["errorMessage"]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("open(__file__, 'a').write('#')", "Permission denied"),
        ("pathlib.Path(__file__).with_name('new.txt').write_text('x')", "Read-only file system: '/var/task/new.txt'"),
        ("os.remove(__file__)", "Read-only file system: '/var/task/index.py'"),
        ("os.makedirs(os.path.expanduser('~/.cache'))", "Permission denied"),
    ],
)
def test_only_tmp_is_writable(cloud: SmallCloud, request: pytest.FixtureRequest, body: str, message: str) -> None:
    name = f"writes-{request.node.callspec.indices['body']}"
    cloud.function(name, _handler(body))
    for _ in range(2):  # An earlier invocation leaves nothing behind.
        answer, error = _invoke(cloud, name)
        assert error == "Unhandled"
        assert message in answer["errorMessage"]


def test_tmp_is_writable_up_to_its_size(cloud: SmallCloud) -> None:
    body = "\n    ".join(
        [
            "import tempfile",
            "for name, size in event.items():",
            "    with open(os.path.join(tempfile.gettempdir(), name), 'wb') as file: file.truncate(size)",
        ]
    )
    cloud.function("fills-tmp", _handler(body))
    megabyte = 1024 * 1024
    assert _invoke(cloud, "fills-tmp", {"a": 500 * megabyte}) == (None, None)
    answer, error = _invoke(cloud, "fills-tmp", {"a": 300 * megabyte, "b": 300 * megabyte})
    assert (error, answer["errorMessage"]) == ("Unhandled", "[Errno 28] No space left on device: '/tmp'")
    answer, error = _invoke(cloud, "fills-tmp", {"a": 600 * megabyte})
    assert (error, answer["errorMessage"]) == ("Unhandled", "[Errno 27] File too large")


def test_result_is_limited_to_6_mb(cloud: SmallCloud) -> None:
    cloud.function("tells-much", _handler("return 'x' * event"))
    answer, error = _invoke(cloud, "tells-much", 6_300_000)
    assert (error, answer["errorType"]) == ("Unhandled", "Function.ResponseSizeTooLarge")


@pytest.mark.parametrize(("invocation_type", "largest"), [("RequestResponse", 6_291_456), ("Event", 1_048_576)])
def test_event_is_limited(cloud: SmallCloud, invocation_type: str, largest: int) -> None:
    name = f"hears-{invocation_type}"
    cloud.function(name, _handler("return len(event)"))
    client = cloud.client("lambda")
    event = json.dumps("x" * (largest - 2))
    assert client.invoke(FunctionName=name, InvocationType=invocation_type, Payload=event)["StatusCode"] in (200, 202)
    with pytest.raises(ClientError) as caught:
        client.invoke(FunctionName=name, InvocationType=invocation_type, Payload=event[:-1] + 'x"')
    assert caught.value.response["Error"]["Code"] == "RequestEntityTooLargeException"
    assert f"(limit {largest} bytes)" in caught.value.response["Error"]["Message"]
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 413


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"AWS_REGION": "x", "LAMBDA_TASK_ROOT": "y"}, "Reserved keys used in .*: AWS_REGION, LAMBDA_TASK_ROOT"),
        ({"AB": "x" * 4090}, "exceeded the 4KB limit"),
    ],
)
def test_variables_are_limited(cloud: SmallCloud, variables: dict[str, str], message: str) -> None:
    client = cloud.client("lambda")
    with pytest.raises(client.exceptions.InvalidParameterValueException, match=message):
        cloud.function("configured", _handler("pass"), Environment={"Variables": variables})
    cloud.function(f"configured-{len(variables)}", _handler("pass"), Environment={"Variables": {"AB": "x" * 4087}})
    with pytest.raises(client.exceptions.InvalidParameterValueException, match=message):
        client.update_function_configuration(
            FunctionName=f"configured-{len(variables)}", Environment={"Variables": variables}
        )


def test_package_is_limited_to_250_mb(cloud: SmallCloud) -> None:
    client = cloud.client("lambda")
    with pytest.raises(client.exceptions.InvalidParameterValueException, match="Unzipped size must be smaller than"):
        cloud.function("heavy", {}, Code={"ZipFile": _zip_bomb(cloud)})


def _zip_bomb(cloud: SmallCloud) -> bytes:
    """Return a package whose directory states 250 MB, without them."""
    package = cloud.package(_handler("pass"))
    entry = package.index(b"PK\x01\x02")
    size = entry + 24  # Of the uncompressed size, in the central directory.
    return package[:size] + (262_144_000).to_bytes(4, "little") + package[size + 4 :]

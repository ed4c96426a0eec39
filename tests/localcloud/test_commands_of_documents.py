"""AWS CLI commands in the documents: operations and options exist, and the local cloud has the operations."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore import xform_name
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.model import OperationModel

from tests.localcloud.support import REGION, ROOT, SmallCloud

_COMMAND = re.compile(r"\baws (?P<service>[a-z0-9-]+) (?P<operation>[a-z0-9-]+)(?P<rest>[^`\n|;$]*)")
# Of the CLI itself.
_GLOBAL = {"query", "output", "region", "profile", "endpoint-url", "no-cli-pager"}
# Commands of the CLI with a syntax of their own, made of several requests.
_HIGH_LEVEL = {"s3", "configure", "sso"}


def _documents() -> Iterator[Path]:
    for pattern in ("*.md", "docs/*.md", "localcloud/*.md", "containers/ntm/*.md", "benchmarks/*.md"):
        yield from ROOT.glob(pattern)


def _commands() -> list[tuple[str, str, str, tuple[str, ...]]]:
    found = []
    for document in _documents():
        text = document.read_text(encoding="utf-8").replace("\\\n", " ")
        # A command in running text may be wrapped.
        text = re.sub(r"`aws [^`]+`", lambda code: code[0].replace("\n", " "), text)
        for command in _COMMAND.finditer(text):
            if command["service"] not in _HIGH_LEVEL:
                options = tuple(re.findall(r"(?<=\s)--([a-z0-9-]+)", command["rest"]))
                found.append((document.name, command["service"], command["operation"], options))
    return sorted(set(found))


COMMANDS = _commands()
each_command = pytest.mark.parametrize(
    ("service", "operation", "options"),
    [(service, operation, options) for _, service, operation, options in COMMANDS],
    ids=[f"{document}-{service}-{operation}" for document, service, operation, _ in COMMANDS],
)


def _client(cloud: SmallCloud, service: str) -> Any:
    return boto3.client(  # type: ignore[call-overload]
        service,
        region_name=REGION,
        endpoint_url=cloud.environ["AWS_ENDPOINT_URL"],
        aws_access_key_id="testing",
        aws_secret_access_key="testing",
        config=Config(parameter_validation=False, retries={"total_max_attempts": 1}),
    )


def _model(client: Any, operation: str) -> OperationModel:
    models = {xform_name(name, "-"): name for name in client.meta.service_model.operation_names}
    assert operation in models, f"there is no such operation; known: {', '.join(sorted(models))}"
    model: OperationModel = client.meta.service_model.operation_model(models[operation])
    return model


def test_documents_have_commands() -> None:
    assert len(COMMANDS) >= 8


@each_command
def test_operation_and_options_exist(cloud: SmallCloud, service: str, operation: str, options: tuple[str, ...]) -> None:
    shape = _model(_client(cloud, service), operation).input_shape
    members = {xform_name(name, "-"): value for name, value in (shape.members if shape else {}).items()}
    flags = {f"no-{name}" for name, value in members.items() if value.type_name == "boolean"}
    assert {*options} <= {*members, *flags, *_GLOBAL}


@each_command
def test_the_local_cloud_has_the_operation(
    cloud: SmallCloud, service: str, operation: str, options: tuple[str, ...]
) -> None:
    client = _client(cloud, service)
    answer: Any = {}
    try:
        client._make_api_call(_model(client, operation).name, {})
    except ClientError as error:
        answer = error.response
    # Without parameters, it is refused for another reason.
    assert answer.get("Error", {}).get("Code") != "NotImplemented", answer
    assert answer.get("ResponseMetadata", {}).get("HTTPStatusCode") != 501, answer

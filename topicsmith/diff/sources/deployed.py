"""Deployed stacks, read from CloudFormation."""

import dataclasses
import json
import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from topicsmith.core.aws import Clients, connect
from topicsmith.core.errors import OperatorError
from topicsmith.diff.model.assembly import Stack

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_cloudformation.type_defs import StackTypeDef

_PREFIX = "topicsmith-"
_NOT_ASCII = re.compile(r"[^\x00-\x7f]")
_NOT_THERE = {"DELETE_COMPLETE", "REVIEW_IN_PROGRESS"}


def stacks(wanted: Sequence[Stack], environments: Sequence[str]) -> list[Stack]:
    """Return the deployed stacks with these names, and all others of these environments.

    Args:
        wanted: The stacks of an assembly.
        environments: Names of the environments.

    Raises:
        OperatorError: A template cannot be read, or a stack is in another account than the credentials.
    """
    found = []
    for region in sorted({stack.region or "" for stack in wanted}):
        clients = connect(region=region or None)
        _require_account(clients, wanted)
        client = clients.cloudformation
        here = {stack.name: stack for stack in wanted if (stack.region or "") == region}
        others = re.compile(rf"{_PREFIX}({'|'.join(map(re.escape, environments))})-[a-z0-9]+")
        for deployed in _deployed(client):
            name = deployed["StackName"]
            if name in here or others.fullmatch(name):
                found.append(_stack(client, deployed, here.get(name), region or None))
    return found


def as_returned(stack: Stack) -> Stack:
    """Return the stack with its template as CloudFormation returns it: a question mark for each non-ASCII character."""
    template = json.loads(_NOT_ASCII.sub("?", json.dumps(stack.template, ensure_ascii=False)))
    return dataclasses.replace(stack, template=template)


def _require_account(clients: Clients, wanted: Sequence[Stack]) -> None:
    elsewhere = [stack for stack in wanted if stack.account and stack.account != clients.account]
    if elsewhere:
        first = elsewhere[0]
        raise OperatorError(
            f"{first.name} is in account {first.account}, but the credentials belong to {clients.account}.",
            "Compare one environment at a time, with credentials for its account (AWS_PROFILE).",
        )


def _deployed(client: "CloudFormationClient") -> Iterator["StackTypeDef"]:
    for page in client.get_paginator("describe_stacks").paginate():
        yield from (stack for stack in page["Stacks"] if stack["StackStatus"] not in _NOT_THERE)


def _stack(client: "CloudFormationClient", deployed: "StackTypeDef", wanted: Stack | None, region: str | None) -> Stack:
    name = deployed["StackName"]
    environment, _, part = name.removeprefix(_PREFIX).rpartition("-")
    return Stack(
        name=name,
        path=wanted.path if wanted else f"{environment}/{part}",
        account=wanted.account if wanted else None,
        region=region,
        template=_template(client, name),
        protected=deployed.get("EnableTerminationProtection", False),
        tags={tag["Key"]: tag["Value"] for tag in deployed.get("Tags", [])},
        parameters={
            parameter["ParameterKey"]: parameter["ParameterValue"]
            for parameter in deployed.get("Parameters", [])
            if "ParameterKey" in parameter and "ParameterValue" in parameter
        },
    )


def _template(client: "CloudFormationClient", name: str) -> dict[str, Any]:
    body: object = client.get_template(StackName=name, TemplateStage="Original")["TemplateBody"]
    if isinstance(body, str):
        try:
            body = json.loads(body)
        except ValueError:
            body = None
    if not isinstance(body, dict):
        raise OperatorError(f"The template of {name} is not JSON: the stack was not deployed by the CDK.")
    return dict(body)

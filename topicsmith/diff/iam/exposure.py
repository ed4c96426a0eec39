"""Detection of dangerous grants: public access, access for other accounts, and administrator rights."""

import json
import re
from collections.abc import Iterable

from topicsmith.diff.iam.grants import MANAGED_POLICY, Grant

_ACCOUNT = re.compile(r"(?<!\d)\d{12}(?!\d)")
_NARROWING_OPERATORS = re.compile(r"(ForA(ny|ll)Values:)?(String(Equals|Like)(IgnoreCase)?|Arn(Equals|Like)|IpAddress)")
# Condition keys that make a policy for everyone non-public:
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html
_NARROWING_KEYS = {
    "aws:principalarn",
    "aws:principalaccount",
    "aws:principalorgid",
    "aws:principalorgpaths",
    "aws:sourceaccount",
    "aws:sourcearn",
    "aws:sourceip",
    "aws:sourceorgid",
    "aws:sourceowner",
    "aws:sourcevpc",
    "aws:sourcevpce",
    "aws:userid",
    "kms:calleraccount",
    "s3:dataaccesspointaccount",
    "s3:dataaccesspointarn",
}
_ADMINISTRATOR = "administrator rights"
_ADMINISTRATORS = ("AdministratorAccess", "IAMFullAccess", "PowerUserAccess")
# With these on all resources, a principal can escalate its rights, or read and delete other people's data.
_POWERFUL = (
    "*",
    "iam:",
    "sts:assumerole",
    "kms:",
    "s3:",
    "dynamodb:",
    "secretsmanager:",
    "lambda:invoke",
    "sqs:",
    "sns:",
)
# These actions do not support resource-level permissions: they can only be granted on everything.
# https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
_OF_NOTHING_IN_PARTICULAR = re.compile(
    r"(s3:listallmybuckets|kms:(list(keys|aliases)|generaterandom|createkey)|iam:(list|getaccount|generate)\w*"
    r"|(sqs|sns|dynamodb|secretsmanager):(list|describelimits|getrandompassword)\w*)"
)


def exposes(grant: Grant, *, account: str | None, known: Iterable[str]) -> str | None:
    """Return a description of the danger of a new grant, or None if it is harmless.

    Args:
        grant: New grant.
        account: Account of the stack; None if the credentials decide.
        known: Accounts and identity providers that were trusted before.
    """
    if grant.effect != "Allow":
        return None
    return _to_outsiders(grant, account, set(known)) or _to_administrators(grant)


def outsiders(grant: Grant) -> set[str]:
    """Return the accounts and identity providers to which the grant gives access."""
    if grant.principal.startswith("Federated:"):
        return {grant.principal}
    return set(_ACCOUNT.findall(grant.principal)) if grant.principal.startswith(("AWS:", "CanonicalUser:")) else set()


def _to_outsiders(grant: Grant, account: str | None, known: set[str]) -> str | None:
    if grant.principal == "*" or grant.principal.startswith("everyone but"):
        narrowing = _narrowing(grant)
        if not narrowing:
            return "opened to everyone"
        foreign = {name for value in narrowing for name in _ACCOUNT.findall(value)} - known - {account}
        return f"opened to account {', '.join(sorted(foreign))}" if foreign else None
    if grant.principal.startswith("Federated:") and ":sub" not in grant.condition:
        return "opened to everyone authenticated by the identity provider"
    if new := outsiders(grant) - known - {account}:
        kind = (
            "an identity provider" if grant.principal.startswith("Federated:") else f"account {', '.join(sorted(new))}"
        )
        return f"opened to {kind} that had no access before"
    return None


def _to_administrators(grant: Grant) -> str | None:
    action = grant.action.lower()
    if grant.action == MANAGED_POLICY:
        return _ADMINISTRATOR if grant.resource.endswith(_ADMINISTRATORS) else None
    if not _is_identity(grant):
        return None
    if action == "*" or action.startswith("everything but"):
        return _ADMINISTRATOR
    everything = grant.resource == "*" or grant.resource.startswith("everything but")
    if action == "iam:*" or (
        everything and action.startswith(_POWERFUL) and not _OF_NOTHING_IN_PARTICULAR.fullmatch(action)
    ):
        return "rights on everything in the account"
    return None


def _is_identity(grant: Grant) -> bool:
    return grant.principal.startswith("${")


def _narrowing(grant: Grant) -> list[str]:
    """Return the values in the condition that restrict the callers."""
    tests = json.loads(grant.condition) if grant.condition else {}
    values = [
        value
        for operator, keys in tests.items()
        if _NARROWING_OPERATORS.fullmatch(operator) and isinstance(keys, dict)
        for key, listed in keys.items()
        if key.lower() in _NARROWING_KEYS
        for value in (listed if isinstance(listed, list) else [listed])
    ]
    return (
        [] if any(str(value).strip("*") in ("", "0.0.0.0/0", "::/0") for value in values) else [str(v) for v in values]
    )

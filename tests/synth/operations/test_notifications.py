"""Warnings about notifications that reach nobody."""

import pytest
from aws_cdk import App, Stack, aws_kms
from aws_cdk.assertions import Annotations, Match

from constructs.notify.notifications import Notifications


def _warnings(*emails: str) -> list[str]:
    stack = Stack(App(), "stack")
    Notifications(stack, "Notifications", key=aws_kms.Key(stack, "Key"), emails=emails)
    found = Annotations.from_stack(stack).find_warning("/stack/Notifications", Match.any_value())
    return [str(message.entry.data) for message in found]


@pytest.mark.parametrize(
    "email",
    ["a@example.org", "a@EXAMPLE.com", "a@mail.example.net", "a@b.test", "a@b.invalid", "a@b.example", "a@b.localhost"],
)
def test_a_placeholder_address_gives_a_warning(email: str) -> None:
    (warning,) = _warnings("a@topics.dev", email)
    assert warning.startswith(f"Mail to {email} is not delivered: the domain is reserved for examples. ")


def test_other_addresses_give_no_warning() -> None:
    assert _warnings("a@topics.dev", "a@my-example.com", "a@example.com.au", "a@test.io") == []
    assert _warnings() == []

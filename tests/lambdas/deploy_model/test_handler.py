import logging
from datetime import timedelta

import pytest
from botocore.exceptions import ClientError

from tests.lambdas.deploy_model.conftest import NOON, STACK_ROLE, Cloud, event


def test_an_approval_changes_only_the_model_of_the_stack_and_its_time(cloud: Cloud) -> None:
    package = cloud.register()

    assert cloud.deliver(cloud.decide(package, at=1)) == {"batchItemFailures": []}

    (stack,) = cloud.cloudformation.describe_stacks(StackName="topicsmith-dev-serving")["Stacks"]
    assert {one["ParameterKey"]: one["ParameterValue"] for one in stack["Parameters"]} == {
        "ModelPackageArn": package,
        "ModelApprovedAt": "2026-11-20T12:00:01+00:00",
        "Other": "changed by hand",
    }
    resources = cloud.cloudformation.describe_stack_resources(StackName="topicsmith-dev-serving")["StackResources"]
    assert {one["LogicalResourceId"] for one in resources} == {"Always", "WithModel"}


def test_only_the_model_is_passed_to_cloudformation(cloud: Cloud) -> None:
    package = cloud.register()
    cloud.deliver(cloud.decide(package, at=1.25))
    assert cloud.requests == [
        {
            "StackName": cloud.stack_id,
            "UsePreviousTemplate": True,
            "Parameters": [
                {"ParameterKey": "Other", "UsePreviousValue": True},
                {"ParameterKey": "ModelPackageArn", "ParameterValue": package},
                {"ParameterKey": "ModelApprovedAt", "ParameterValue": "2026-11-20T12:00:01.250000+00:00"},
            ],
            "RoleARN": STACK_ROLE,
            "Capabilities": ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM"],
            # Links the stack's events to the approval event.
            "ClientRequestToken": "model-1-Approved-1-at-1-25",
        }
    ]


def test_a_duplicate_approval_event_is_followed_once(cloud: Cloud) -> None:
    approval = cloud.decide(cloud.register(), at=1)
    cloud.deliver(approval)
    assert cloud.deliver(approval) == {"batchItemFailures": []}
    assert len(cloud.requests) == 1


def test_an_update_that_failed_is_not_tried_again_by_the_same_approval(cloud: Cloud) -> None:
    first, broken = cloud.register(), cloud.register()
    cloud.deliver(cloud.decide(first, at=1))
    cloud.outcome = "UPDATE_ROLLBACK_COMPLETE"
    approval = cloud.decide(broken, at=2)
    cloud.deliver(approval)
    assert cloud.served == first

    cloud.deliver(approval)
    assert len(cloud.requests) == 2
    # A new approval is a request to retry.
    cloud.deliver(cloud.decide(broken, at=3))
    assert len(cloud.requests) == 3


def test_the_last_approval_within_a_second_counts_in_any_order(cloud: Cloud) -> None:
    # Events have whole seconds; the registry's timestamps are finer.
    first, second = cloud.register(), cloud.register()
    approvals = [cloud.decide(second, at=1.1), cloud.decide(first, at=1.2)]
    for approval in reversed(approvals):
        cloud.deliver(approval)
    assert cloud.served == first


def test_of_two_approvals_at_the_same_moment_the_higher_version_counts(cloud: Cloud) -> None:
    packages = [cloud.register() for _ in range(2)]
    approvals = [cloud.decide(package, at=1) for package in packages]
    for approval in reversed(approvals):
        cloud.deliver(approval)
    assert cloud.served == packages[1]


def test_an_earlier_version_is_restored_when_approved_again(cloud: Cloud) -> None:
    first, second = cloud.register(), cloud.register()
    for at, package in enumerate((first, second, first), 1):
        cloud.deliver(cloud.decide(package, at=at))
        assert cloud.served == package


@pytest.mark.parametrize("status", ["Rejected", "PendingManualApproval"])
def test_a_withdrawn_approval_is_not_followed(cloud: Cloud, status: str) -> None:
    package = cloud.register()
    approval = cloud.decide(package, at=1)
    cloud.decide(package, status, at=2)
    assert cloud.deliver(approval) == {"batchItemFailures": []}
    assert cloud.requests == []


def test_a_model_that_was_deleted_is_not_served(cloud: Cloud, caplog: pytest.LogCaptureFixture) -> None:
    package = cloud.register()
    approval = cloud.decide(package, at=1)
    cloud.delete(package)
    with caplog.at_level(logging.INFO):
        assert cloud.deliver(approval) == {"batchItemFailures": []}
    assert "Version 1 was Approved: it was deleted" in caplog.text
    assert cloud.requests == []


def test_a_new_description_of_an_approved_model_is_not_an_approval(cloud: Cloud) -> None:
    first, second = cloud.register(), cloud.register()
    cloud.deliver(cloud.decide(first, at=1))
    cloud.deliver(cloud.decide(second, at=2))
    cloud.changed(first, at=3)
    cloud.deliver(event(first, at=3, fields=["CustomerMetadataProperties"]))
    assert cloud.served == second


def test_metadata_of_the_served_model_does_not_void_an_approval(cloud: Cloud) -> None:
    first, second = cloud.register(), cloud.register()
    cloud.deliver(cloud.decide(first, at=1))
    waiting = cloud.decide(second, at=2)
    cloud.changed(first, at=3)
    cloud.deliver(waiting)
    assert cloud.served == second


def test_a_later_approval_of_the_served_model_voids_the_ones_before_it(cloud: Cloud) -> None:
    first, second = cloud.register(), cloud.register()
    cloud.deliver(cloud.decide(first, at=1))
    waiting = cloud.decide(second, at=2)
    cloud.deliver(cloud.decide(first, at=3))
    assert cloud.approved == NOON + timedelta(seconds=3)
    cloud.deliver(waiting)
    assert cloud.served == first


def test_without_a_time_the_registry_tells_when_the_served_model_was_approved(cloud: Cloud) -> None:
    first, second = cloud.register(), cloud.register()
    earlier = cloud.decide(second, at=1)
    cloud.decide(first, at=2)
    cloud.cloudformation.update_stack(
        StackName=cloud.stack_id,
        UsePreviousTemplate=True,
        Parameters=[
            {"ParameterKey": "ModelPackageArn", "ParameterValue": first},
            {"ParameterKey": "ModelApprovedAt", "ParameterValue": ""},
            {"ParameterKey": "Other", "UsePreviousValue": True},
        ],
    )
    cloud.deliver(earlier)
    assert cloud.served == first
    cloud.deliver(cloud.decide(second, at=3))
    assert cloud.served == second


def test_an_approval_while_a_bad_model_was_served_counts_once_it_is_rejected(cloud: Cloud) -> None:
    first, second, bad = (cloud.register() for _ in range(3))
    cloud.deliver(cloud.decide(first, at=1))
    cloud.deliver(cloud.decide(bad, at=2))
    waiting = cloud.decide(second, at=3)
    cloud.deliver(cloud.decide(bad, "Rejected", at=4))
    assert cloud.served == first
    cloud.deliver(waiting)
    assert cloud.served == second


def test_rejecting_the_served_model_restores_the_last_approved_one(cloud: Cloud) -> None:
    packages = [cloud.register() for _ in range(4)]
    for at, package in enumerate(packages, 1):
        cloud.deliver(cloud.decide(package, at=at))
    cloud.decide(packages[2], "Rejected", at=5)
    cloud.delete(packages[1])

    cloud.deliver(cloud.decide(packages[3], "Rejected", at=6))

    assert cloud.served == packages[0]


def test_a_model_that_was_never_served_is_not_restored(cloud: Cloud) -> None:
    first, broken, second = (cloud.register() for _ in range(3))
    cloud.deliver(cloud.decide(first, at=1))
    cloud.outcome = "UPDATE_ROLLBACK_COMPLETE"
    cloud.deliver(cloud.decide(broken, at=2))
    cloud.outcome = "UPDATE_COMPLETE"
    cloud.deliver(cloud.decide(second, at=3))
    cloud.deliver(cloud.decide(second, "Rejected", at=4))
    assert cloud.served == first


def test_rejecting_the_only_model_leaves_it_serving(cloud: Cloud, caplog: pytest.LogCaptureFixture) -> None:
    package = cloud.register()
    cloud.deliver(cloud.decide(package, at=1))
    with caplog.at_level(logging.INFO):
        cloud.deliver(cloud.decide(package, "Rejected", at=2))
    assert cloud.served == package
    assert "keeps serving it" in caplog.text


def test_rejecting_a_model_that_is_not_served_changes_nothing(cloud: Cloud) -> None:
    first, second = cloud.register(), cloud.register()
    cloud.deliver(cloud.decide(first, at=1))
    cloud.deliver(cloud.decide(second, "Rejected", at=2))
    assert len(cloud.requests) == 1


@pytest.mark.parametrize(("received", "seconds"), [(1, 30), (3, 120), (6, 900)])
def test_a_busy_stack_is_tried_again_after_longer_and_longer_pauses(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, received: int, seconds: int
) -> None:
    approval = cloud.decide(cloud.register(), at=1)
    cloud.stack.status = "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS"

    with caplog.at_level(logging.INFO):
        answer = cloud.deliver(approval, received)

    assert len(answer["batchItemFailures"]) == 1
    assert cloud.requests == []
    assert cloud.invisible_messages() == 1
    assert "topicsmith-dev-serving is UPDATE_COMPLETE_CLEANUP_IN_PROGRESS" in caplog.text
    assert f"retrying in {seconds} seconds" in caplog.text


def test_a_decision_that_waited_for_the_stack_is_followed_later(cloud: Cloud) -> None:
    package = cloud.register()
    approval = cloud.decide(package, at=1)
    cloud.stack.status = "UPDATE_IN_PROGRESS"
    cloud.deliver(approval)
    cloud.stack.status = "UPDATE_COMPLETE"
    cloud.deliver(approval, received=2)
    assert cloud.served == package


@pytest.mark.parametrize("status", ["Updating", "RollingBack", "SystemUpdating"])
def test_an_approval_waits_for_an_endpoint_that_is_being_scaled_or_updated(
    cloud: Cloud, status: str, caplog: pytest.LogCaptureFixture
) -> None:
    first, second = cloud.register(), cloud.register()
    cloud.deliver(cloud.decide(first, at=1))
    cloud.make_endpoint(status)
    approval = cloud.decide(second, at=2)
    with caplog.at_level(logging.INFO):
        assert len(cloud.deliver(approval)["batchItemFailures"]) == 1
    assert f"the endpoint topicsmith-dev is {status}; retrying" in caplog.text
    assert cloud.served == first

    cloud.endpoint_is("InService")
    cloud.deliver(approval, received=2)
    assert cloud.served == second


def refuse(cloud: Cloud, monkeypatch: pytest.MonkeyPatch, message: str) -> None:
    def begin(*_: object, **__: object) -> None:
        raise ClientError({"Error": {"Code": "ValidationError", "Message": message}}, "UpdateStack")

    monkeypatch.setattr("moto.cloudformation.models.CloudFormationBackend.update_stack", begin)


def test_an_update_that_began_in_between_is_waited_for_too(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    approval = cloud.decide(cloud.register(), at=1)
    refuse(cloud, monkeypatch, "Stack:x is in UPDATE_IN_PROGRESS state and can not be updated.")
    assert len(cloud.deliver(approval)["batchItemFailures"]) == 1


def test_an_update_that_can_never_succeed_goes_to_the_dead_letters(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    approval = cloud.decide(cloud.register(), at=1)
    refuse(cloud, monkeypatch, "Stack:x is in UPDATE_ROLLBACK_FAILED state and can not be updated.")
    with caplog.at_level(logging.ERROR), pytest.raises(ClientError, match="UPDATE_ROLLBACK_FAILED"):
        cloud.deliver(approval)
    assert "Version 1 was Approved, but the decision could not be applied; event Approved-1-at-1" in caplog.text

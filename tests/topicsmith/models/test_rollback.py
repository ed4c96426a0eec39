"""The ``rollback`` command, and ``approve --wait`` if the update fails."""

import json
from typing import Any

import boto3
import pytest
from moto.sagemaker.models import SageMakerModelBackend

from tests.topicsmith.account import Account, Invoke, backend
from tests.topicsmith.stack import happen, update


def approval(package: str) -> tuple[str, str]:
    described = boto3.client("sagemaker").describe_model_package(ModelPackageName=package)
    return described["ModelApprovalStatus"], described.get("ApprovalDescription", "")


class Serving:
    """A serving stack that follows approvals immediately. It serves version 2 and served version 1 before.

    Attributes:
        packages: ARNs of the versions, oldest first.
        outcome: Final status of the stack's next update.
    """

    def __init__(self, account: Account) -> None:
        self.packages = [account.register() for _ in range(2)]
        self.outcome = "UPDATE_COMPLETE"
        sagemaker = boto3.client("sagemaker")
        for version, package in enumerate(self.packages, 1):
            sagemaker.update_model_package(ModelPackageArn=package, ModelApprovalStatus="Approved")
            update(version)
        account.serve(self.packages[1])
        change = SageMakerModelBackend.update_model_package

        def follow(*arguments: Any, **named: Any) -> str:
            arn = change(*arguments, **named)
            if named["model_approval_status"] == "Approved":
                self._serve(arn)
            return arn

        account.monkeypatch.setattr(SageMakerModelBackend, "update_model_package", follow)

    def _serve(self, package: str) -> None:
        happen("UPDATE_IN_PROGRESS", version=self.packages.index(package) + 1)
        if self.outcome == "UPDATE_COMPLETE":
            backend()._models["topicsmith-dev"].primary_container["ModelPackageName"] = package
        else:
            happen("CREATE_FAILED", version=1, resource="Model", reason="the artifact is gone")
        happen(self.outcome, version=self.packages.index(package) + 1)


@pytest.fixture
def serving(deployed: Account, no_waiting: None) -> Serving:
    return Serving(deployed)


def test_rollback_restores_the_previous_model_and_rejects_the_current_one(serving: Serving, invoke: Invoke) -> None:
    result = invoke("rollback", "--reason", "mixed up", "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout) == {
        "from": 2,
        "to": 1,
        "endpoint": {"endpoint": "topicsmith-dev", "status": "InService", "model_version": 1, "failure": None},
    }
    assert "Rolling back from version 2 to version 1." in result.stderr
    assert approval(serving.packages[0])[0] == "Approved"
    assert approval(serving.packages[1]) == ("Rejected", "Rolled back to version 1. mixed up")


def test_rollback_to_a_version(serving: Serving, invoke: Invoke) -> None:
    result = invoke("rollback", "--to", "1")
    assert result.exit_code == 0, result.output
    assert "Endpoint topicsmith-dev serves version 1 again." in result.stdout
    assert "Version 2 is rejected" in result.stdout


def test_a_failed_rollback_gives_the_reason_and_rejects_nothing(serving: Serving, invoke: Invoke) -> None:
    serving.outcome = "UPDATE_ROLLBACK_COMPLETE"
    result = invoke("rollback")
    assert result.exit_code == 1
    assert "Version 1 could not be served: Model: the artifact is gone" in result.stderr
    assert "Version 2 is still served." in result.stderr
    assert approval(serving.packages[1])[0] == "Approved"


def test_a_version_that_is_not_approved_is_refused(deployed: Account, serving: Serving, invoke: Invoke) -> None:
    deployed.register()
    assert "Version 2 is already served." in invoke("rollback", "--to", "2").stderr
    result = invoke("rollback", "--to", "3")
    assert result.exit_code == 1
    assert "Version 3 is PendingManualApproval. A rollback needs an approved version." in result.stderr
    assert "approve 3 --wait --env dev" in result.stderr
    boto3.client("sagemaker").update_model_package(ModelPackageArn=serving.packages[0], ModelApprovalStatus="Rejected")
    assert "There is no version to roll back to: version 2 is served" in invoke("rollback").stderr


def test_rollback_is_refused_during_an_update(serving: Serving, invoke: Invoke) -> None:
    happen("UPDATE_IN_PROGRESS", version=3)
    result = invoke("rollback")
    assert result.exit_code == 1
    assert "is UPDATE_IN_PROGRESS, to version 3" in result.stderr
    assert approval(serving.packages[1])[0] == "Approved"


@pytest.mark.usefixtures("deployed")
def test_rollback_without_a_served_model_is_an_error(invoke: Invoke) -> None:
    result = invoke("rollback")
    assert result.exit_code == 1
    assert "Nothing is served in dev" in result.stderr


def test_rollback_of_a_pinned_model_names_the_line_to_change(account: Account, invoke: Invoke) -> None:
    account.deploy("prod", pinned=True)
    result = invoke("rollback", "--env", "prod")
    assert result.exit_code == 1
    assert "Set serving.model_package in environments/prod.yaml back" in result.stderr


def test_approve_wait_explains_a_failed_update(serving: Serving, invoke: Invoke) -> None:
    serving.outcome = "UPDATE_ROLLBACK_COMPLETE"
    result = invoke("approve", "1", "--wait")
    assert result.exit_code == 1
    assert "Error: Version 1 could not be served: Model: the artifact is gone" in result.stderr
    assert "CloudFormation rolled the update back. Version 2 is still served." in result.stderr

"""The ``unregister`` command."""

import json

import boto3
import pytest
from moto.cloudformation.models import cloudformation_backends
from moto.core.responses import EmptyResult
from moto.sagemaker.responses import SageMakerResponse

from tests.topicsmith.account import ACCOUNT, REGION, Account, Invoke

# moto's CloudFormation does not know the group, which the account has anyway.
pytestmark = pytest.mark.filterwarnings("ignore:Tried to parse AWS..SageMaker..ModelPackageGroup")


@pytest.fixture(autouse=True)
def _deletes(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let moto delete model packages, which it cannot."""

    def delete(response: SageMakerResponse) -> EmptyResult:
        del response.sagemaker_backend.model_packages[response._get_param("ModelPackageName")]
        return EmptyResult()

    monkeypatch.setattr(SageMakerResponse, "delete_model_package", delete, raising=False)


@pytest.fixture
def doomed(account: Account) -> Account:
    """An account with dev, whose model package group is deleted with its stack, and two registered versions."""
    _deploy(account, "Delete")
    return account


def _deploy(account: Account, policy: str) -> None:
    account.deploy("dev", only=("data", "serving"))
    group = {"Type": "AWS::SageMaker::ModelPackageGroup", "Properties": {"ModelPackageGroupName": "topicsmith-dev"}}
    template = {"Resources": {"Group": {**group, "DeletionPolicy": policy}}}
    boto3.client("cloudformation").create_stack(StackName="topicsmith-dev-training", TemplateBody=json.dumps(template))
    account.register(run="run1")
    account.register(run="run2")


def _versions() -> int:
    pages = boto3.client("sagemaker").list_model_packages(ModelPackageGroupName="topicsmith-dev")
    return len(pages["ModelPackageSummaryList"])


def test_all_versions_are_deleted(doomed: Account, invoke: Invoke) -> None:
    assert _versions() == 2
    result = invoke("unregister", "--yes")
    assert result.exit_code == 0, result.output
    assert "Deleted 2 registered model versions of dev." in result.stdout
    assert _versions() == 0
    assert "No registered model of dev has to be deleted." in invoke("unregister").stdout


@pytest.mark.parametrize(("answer", "message"), [("n\n", "Nothing was changed."), ("", "there was no answer")])
def test_without_confirmation_nothing_is_deleted(doomed: Account, invoke: Invoke, answer: str, message: str) -> None:
    result = invoke("unregister", stdin=answer)
    assert result.exit_code == 1
    assert message in result.stderr
    assert _versions() == 2


def test_models_of_a_group_that_outlives_its_stack_are_kept(account: Account, invoke: Invoke) -> None:
    _deploy(account, "RetainExceptOnCreate")
    assert "No registered model of dev has to be deleted." in invoke("unregister").stdout
    assert _versions() == 2


def test_a_protected_environment_is_refused(account: Account, invoke: Invoke) -> None:
    _deploy(account, "Delete")
    stack = cloudformation_backends[ACCOUNT][REGION].get_stack("topicsmith-dev-training")
    stack.enable_termination_protection = True
    result = invoke("unregister", "--yes")
    assert result.exit_code == 1
    assert "termination_protection: false in environments/dev.yaml" in result.stderr
    assert _versions() == 2


def test_an_environment_that_is_gone_needs_nothing(account: Account, invoke: Invoke) -> None:
    assert invoke("unregister", "--env", "gone").exit_code == 0

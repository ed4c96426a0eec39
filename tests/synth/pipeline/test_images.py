"""Publishing and use of the topic model's images."""

import json
from pathlib import Path

from localcloud.runtime.dockerfile import Dockerfile
from tests.synth.assembly import Assembly, JsonObject, template_of
from tests.synth.cloudformation import ACCOUNT, REGION, Deployment
from tests.synth.pipeline.pipeline import arguments_of


def _manifest(assembly: Assembly, environment: str) -> JsonObject:
    manifest = json.loads((assembly.directory / f"assembly-{environment}" / "manifest.json").read_text())
    artifacts = manifest["artifacts"]
    assert isinstance(artifacts, dict)
    return artifacts


def _sources(assembly: Assembly, environment: str) -> dict[str, Path]:
    """Return the directories from which images are built, by build target."""
    file = assembly.template_file(environment, "training")
    manifest = json.loads(file.with_name(file.name.replace(".template.json", ".assets.json")).read_text())
    sources = [image["source"] for image in manifest["dockerImages"].values()]
    return {source["dockerBuildTarget"]: (file.parent / source["directory"]).resolve() for source in sources}


def _published(assembly: Assembly, environment: str, part: str) -> dict[str, JsonObject]:
    """Return where the CDK CLI publishes images before it deploys a stack, by build target."""
    file = assembly.template_file(environment, part)
    manifest = json.loads(file.with_name(file.name.replace(".template.json", ".assets.json")).read_text())
    images = manifest.get("dockerImages", {}).values()
    return {
        image["source"]["dockerBuildTarget"]: destination
        for image in images
        for destination in image["destinations"].values()
    }


def test_the_images_go_to_the_repository_of_their_environment(assembly: Assembly, deployment: Deployment) -> None:
    repository = deployment.resource("data", "AWS::ECR::Repository")["RepositoryName"]
    assert repository == f"{deployment.name}-images"
    environment = deployment.name.removeprefix("topicsmith-")
    published = _published(assembly, environment, "training")
    assert [one["repositoryName"] for one in published.values()] == [repository, repository]


def test_only_what_trains_uses_the_image_with_pytorch(assembly: Assembly, deployment: Deployment) -> None:
    environment = deployment.name.removeprefix("topicsmith-")
    images = {
        target: f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/{one['repositoryName']}:{one['imageTag']}"
        for target, one in _published(assembly, environment, "training").items()
    }
    definition = deployment.pipeline_definition()
    tune = arguments_of(definition, "Tune")["TrainingJobDefinition"]
    train = arguments_of(definition, "Train")
    evaluate = arguments_of(definition, "Evaluate")
    transform = arguments_of(definition, "CreateModel")
    (registered,) = arguments_of(definition, "Register")["InferenceSpecification"]["Containers"]
    assert images.keys() == {"training", "serving"}
    assert images["training"] != images["serving"]
    assert tune["AlgorithmSpecification"]["TrainingImage"] == images["training"]
    assert train["AlgorithmSpecification"]["TrainingImage"] == images["training"]
    assert evaluate["AppSpecification"]["ImageUri"] == images["serving"]
    assert transform["PrimaryContainer"]["Image"] == images["serving"]
    assert registered["Image"] == images["serving"]


def test_only_the_image_for_training_installs_pytorch(assembly: Assembly, environment: str) -> None:
    """The local cloud reads the same files, so programs of the serving image find no PyTorch there either."""
    for target, directory in _sources(assembly, environment).items():
        missing = Dockerfile(directory / "Dockerfile", directory).missing_modules(target)
        assert ("torch" in missing) is (target == "serving"), target


def test_the_built_in_algorithm_needs_no_image_with_pytorch(variants: Path) -> None:
    assert _published(Assembly(variants), "builtin", "training").keys() == {"serving"}


def test_the_images_are_published_after_their_repository_exists(assembly: Assembly, environment: str) -> None:
    """The CDK CLI publishes a stack's assets after deploying the stacks that it depends on."""
    artifacts = _manifest(assembly, environment)
    stacks = {one["displayName"]: id_ for id_, one in artifacts.items() if "displayName" in one}
    assert stacks[f"{environment}/data"] in artifacts[stacks[f"{environment}/training"]]["dependencies"]
    for part in ("data", "serving"):
        assert _published(assembly, environment, part) == {}


def test_images_of_registered_models_are_immutable(deployment: Deployment) -> None:
    repository = deployment.resource("data", "AWS::ECR::Repository")
    assert repository["ImageTagMutability"] == "IMMUTABLE"
    assert repository["ImageScanningConfiguration"] == {"ScanOnPush": True}
    assert "LifecyclePolicy" not in repository


def test_images_needed_by_models_of_other_environments_are_retained(deployment: Deployment) -> None:
    """Everything in dev is disposable except the image of a model that prod serves."""
    (repository,) = deployment.resources("data", "AWS::ECR::Repository").values()
    assert (repository["DeletionPolicy"], repository["UpdateReplacePolicy"]) == ("RetainExceptOnCreate", "Retain")
    assert repository["Properties"]["EmptyOnDelete"] is False


def test_other_images_are_deleted_with_the_data() -> None:
    (repository,) = template_of("data", data={"removal": "destroy"}).find_resources("AWS::ECR::Repository").values()
    assert repository["DeletionPolicy"] == repository["UpdateReplacePolicy"] == "Delete"
    # CloudFormation deletes a repository only if it is empty.
    assert repository["Properties"]["EmptyOnDelete"] is True


def _publisher(roles: dict[str, JsonObject]) -> JsonObject:
    (role,) = (role["Properties"] for name, role in roles.items() if name.startswith("ImagesPublishingRole"))
    assert isinstance(role, dict)
    return role


def test_the_cli_publishes_with_the_role_from_the_manifest(assembly: Assembly, deployment: Deployment) -> None:
    environment = deployment.name.removeprefix("topicsmith-")
    role = _publisher(deployment.resources("data", "AWS::IAM::Role"))
    (role_arn,) = {one["assumeRoleArn"] for one in _published(assembly, environment, "training").values()}
    own, _ = assembly.place(environment)
    role_arn = role_arn.replace("${AWS::Partition}", "aws")
    role_arn = role_arn.replace("${AWS::AccountId}", ACCOUNT).replace(own, ACCOUNT)
    assert role_arn == f"arn:aws:iam::{ACCOUNT}:role/{role['RoleName']}"
    resources = {one["Resource"]: one["Action"] for one in deployment.statements("data", "ImagesPublishingRole")}
    repository = f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository/{deployment.name}-images"
    assert resources.keys() == {repository, "*"}
    assert resources["*"] == "ecr:GetAuthorizationToken"


def test_the_account_itself_publishes(deployment: Deployment) -> None:
    role = _publisher(deployment.resources("data", "AWS::IAM::Role"))
    assert role["AssumeRolePolicyDocument"]["Statement"] == [
        {
            "Effect": "Allow",
            "Action": "sts:AssumeRole",
            "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"},
            "Condition": {"Null": {"sts:ExternalId": "true"}},
        }
    ]
    # The tag that the CDK's bootstrap template gives its roles.
    assert {"Key": "aws-cdk:bootstrap-role", "Value": "image-publishing"} in role["Tags"]

"""Several accounts in the local cloud: cross-account access is denied unless both accounts allow it."""

import json
import subprocess
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from localcloud import control
from tests.end_to_end.conftest import Clients, wait_for

MAIN, OTHER = "123456789012", "333333333333"
REGION = "us-east-1"
ROOT = Path(__file__).parents[2]

Statement = Mapping[str, Any]
Roles = Callable[..., tuple[str, Clients]]


def allow(action: str | Sequence[str], resource: str | None = None, **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, **({"Resource": resource} if resource else {}), **more}


def document(*statements: Statement) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def to(principal: str) -> dict[str, Any]:
    return {"Principal": {"AWS": principal}}


def refused(call: Callable[[], Any], *words: str) -> None:
    with pytest.raises(ClientError) as error:
        call()
    assert error.value.response["Error"]["Code"] in ("AccessDenied", "AccessDeniedException")
    for word in words:
        assert word in error.value.response["Error"]["Message"]


@pytest.fixture(scope="session")
def other(cloud: control.LocalCloud, clients: Clients) -> Clients:
    """Clients of another account's administrator."""
    if OTHER not in cloud.accounts:
        clients("organizations").create_account(AccountName=OTHER, Email="other@example.com")
    return clients.as_role(f"arn:aws:iam::{OTHER}:role/OrganizationAccountAccessRole")


@pytest.fixture
def role(other: Clients) -> Roles:
    """Factory of roles in the other account with the given statements; returns the ARN and clients of the role."""

    def make(*statements: Statement) -> tuple[str, Clients]:
        iam, name = other("iam"), f"role-{uuid.uuid4().hex[:8]}"
        services = {"Principal": {"AWS": OTHER, "Service": "sagemaker.amazonaws.com"}}
        trust = document(allow("sts:AssumeRole", **services))
        arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust)["Role"]["Arn"]
        if statements:
            iam.put_role_policy(RoleName=name, PolicyName="policy", PolicyDocument=document(*statements))
        return arn, other.as_role(arn)

    return make


@pytest.fixture
def bucket(clients: Clients) -> str:
    """Bucket in the main account with its own KMS key and one object."""
    name = f"bucket-{uuid.uuid4().hex[:8]}"
    key = clients("kms").create_key()["KeyMetadata"]["Arn"]
    s3 = clients("s3")
    s3.create_bucket(Bucket=name)
    rule = {
        "ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key},
        "BucketKeyEnabled": True,
    }
    s3.put_bucket_encryption(Bucket=name, ServerSideEncryptionConfiguration={"Rules": [rule]})
    s3.put_object(Bucket=name, Key="models/1/model.tar.gz", Body=b"model")
    return name


def key_of(clients: Clients, bucket: str) -> str:
    rules = clients("s3").get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"]
    return str(rules[0]["ApplyServerSideEncryptionByDefault"]["KMSMasterKeyID"])


def open_key(clients: Clients, key: str, principal: str, bucket: str) -> None:
    """Allow a role to decrypt a bucket's objects through S3."""
    condition = {
        "StringEquals": {
            "kms:ViaService": f"s3.{REGION}.amazonaws.com",
            "kms:EncryptionContext:aws:s3:arn": f"arn:aws:s3:::{bucket}",
        }
    }
    own = allow("kms:*", "*", **to(f"arn:aws:iam::{MAIN}:root"))
    shared = allow("kms:Decrypt", "*", Condition=condition, **to(principal))
    clients("kms").put_key_policy(KeyId=key, PolicyName="default", Policy=document(own, shared))


def open_models(clients: Clients, bucket: str, role_arn: str) -> None:
    """Allow a role of the other account to read the models tagged for promotion."""
    tagged = {
        "StringEquals": {"s3:ExistingObjectTag/promoted-to-prod": "true"},
        "ArnEquals": {"aws:PrincipalArn": role_arn},
    }
    models = allow("s3:GetObject", f"arn:aws:s3:::{bucket}/models/*", Condition=tagged, **to(OTHER))
    clients("s3").put_bucket_policy(Bucket=bucket, Policy=document(models))


def tag(clients: Clients, bucket: str, key: str) -> None:
    tags = {"TagSet": [{"Key": "promoted-to-prod", "Value": "true"}]}
    clients("s3").put_object_tagging(Bucket=bucket, Key=key, Tagging=tags)


READS = allow(
    "s3:GetObject",
    "arn:aws:s3:::bucket-*/models/*",
    Condition={
        "StringEquals": {
            "s3:ExistingObjectTag/promoted-to-prod": "true",
            "s3:ResourceAccount": MAIN,
            "aws:ResourceAccount": MAIN,
        }
    },
)
DECRYPTS = allow(
    "kms:Decrypt",
    f"arn:aws:kms:{REGION}:{MAIN}:key/*",
    Condition={
        "StringEquals": {"kms:ViaService": f"s3.{REGION}.amazonaws.com", "aws:ResourceAccount": MAIN},
        "StringLike": {"kms:EncryptionContext:aws:s3:arn": "arn:aws:s3:::bucket-*"},
    },
)


def test_each_account_has_a_profile(
    clients: Clients,
    other: Clients,
    cloud: control.LocalCloud,
    environ: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert {MAIN, OTHER} <= set(cloud.accounts)
    for name in ("AWS_ENDPOINT_URL", "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, environ[name])
    callers = [boto3.Session(profile_name=name).client("sts").get_caller_identity() for name in (MAIN, OTHER)]
    assert [caller["Account"] for caller in callers] == [MAIN, OTHER]
    other("s3").create_bucket(Bucket="theirs")
    ours, theirs = ({bucket["Name"] for bucket in one("s3").list_buckets()["Buckets"]} for one in (clients, other))
    assert "theirs" in theirs
    assert not ours & theirs


def test_accounts_need_a_new_twelve_digit_number(other: Clients, clients: Clients) -> None:
    organizations = clients("organizations")
    with pytest.raises(ClientError, match="'production'; allowed: an account's number, twelve digits"):
        organizations.create_account(AccountName="production", Email="a@example.com")
    with pytest.raises(ClientError, match=f"Account {OTHER} already exists"):
        organizations.create_account(AccountName=OTHER, Email="a@example.com")
    with pytest.raises(ClientError, match="NotInUse"):
        other("organizations").create_account(AccountName="444444444444", Email="a@example.com")


def test_assuming_a_role_of_another_account_needs_both_accounts_consent(clients: Clients, role: Roles) -> None:
    administrator = f"arn:aws:iam::{OTHER}:role/OrganizationAccountAccessRole"
    _, theirs = role(allow("*", "*"))
    # The administrator's trust policy names only the main account, whose roles also need permission to assume it.
    refused(lambda: theirs.as_role(administrator), "sts:AssumeRole", "no resource-based policy")
    refused(lambda: theirs.as_role(f"arn:aws:iam::{MAIN}:role/nobody"), "sts:AssumeRole")
    # Like the roles of ``cdk bootstrap``, this role does not trust the main account's administrator.
    own, _ = role()
    refused(lambda: clients.as_role(own), "sts:AssumeRole", "no resource-based policy")


def test_a_presigned_url_has_its_signers_permissions(
    clients: Clients, other: Clients, role: Roles, bucket: str
) -> None:
    path = "models/1/model.tar.gz"
    arn, reader = role(READS, DECRYPTS)

    def fetch(who: Clients, version: str) -> bytes | int:
        config = Config(signature_version=version)
        s3 = boto3.client(
            "s3", region_name=REGION, endpoint_url=who.cloud.endpoint_url, config=config, **who.credentials
        )
        url = s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": path})
        try:
            with urllib.request.urlopen(url, timeout=900) as answer:
                body: bytes = answer.read()
                return body
        except urllib.error.HTTPError as error:
            return error.code

    for version in ("s3", "s3v4"):
        assert fetch(clients, version) == b"model"
        assert [fetch(who, version) for who in (other, reader)] == [403, 403]
    tag(clients, bucket, path)
    open_models(clients, bucket, arn)
    open_key(clients, key_of(clients, bucket), arn, bucket)
    for version in ("s3", "s3v4"):
        assert [fetch(who, version) for who in (other, reader)] == [403, b"model"]
    for query in ("X-Amz-Signature=0", "X-Amz-Credential=a&X-Amz-Signature=0", "AWSAccessKeyId=a&Signature=0"):
        with pytest.raises(urllib.error.HTTPError, match="403"):
            urllib.request.urlopen(f"{clients.cloud.endpoint_url}/{bucket}/{path}?{query}", timeout=900)


def test_a_cross_account_read_needs_both_accounts_policies_with_their_conditions(
    clients: Clients, role: Roles, bucket: str
) -> None:
    key, path = key_of(clients, bucket), "models/1/model.tar.gz"
    arn, reader = role(READS, DECRYPTS)
    _, grantless = role()
    _, namesake = role(READS, DECRYPTS)

    def read(who: Clients, path: str = path) -> bytes:
        body: bytes = who("s3").get_object(Bucket=bucket, Key=path)["Body"].read()
        return body

    refused(lambda: read(reader), "s3:GetObject", "no identity-based policy")
    tag(clients, bucket, path)
    refused(lambda: read(reader), "s3:GetObject", "no resource-based policy")
    open_models(clients, bucket, arn)
    refused(lambda: read(reader), "kms:Decrypt", key, "no resource-based policy")
    open_key(clients, key, arn, "another")
    refused(lambda: read(reader), "kms:Decrypt")
    open_key(clients, key, arn, bucket)
    assert read(reader) == b"model"
    refused(lambda: read(grantless), "s3:GetObject", "no identity-based policy")
    refused(lambda: read(namesake), "s3:GetObject", "no resource-based policy")
    # Only that object can be read, and the key can only be used through S3.
    clients("s3").put_object(Bucket=bucket, Key="models/2/model.tar.gz", Body=b"not promoted")
    refused(lambda: read(reader, "models/2/model.tar.gz"), "s3:GetObject")
    refused(lambda: reader("s3").list_objects_v2(Bucket=bucket), "s3:ListBucket")
    refused(lambda: reader("s3").put_object(Bucket=bucket, Key=path, Body=b""), "s3:PutObject")
    refused(lambda: reader("s3").get_object_tagging(Bucket=bucket, Key=path), "s3:GetObjectTagging")
    secret = clients("kms").encrypt(KeyId=key, Plaintext=b"secret")["CiphertextBlob"]
    refused(lambda: reader("kms").decrypt(KeyId=key, CiphertextBlob=secret), "kms:Decrypt")


def test_resource_policies_grant_another_account_access(clients: Clients, role: Roles) -> None:
    """Requests reach the named account's key, queue and topic, not the caller's own of the same name."""
    _, user = role(allow(["kms:*", "sqs:*", "sns:*", "iam:*", "sagemaker:*"], "*"))
    name = f"shared-{uuid.uuid4().hex[:8]}"
    key = clients("kms").create_key()["KeyMetadata"]["Arn"]
    queue = clients("sqs").create_queue(QueueName=name)["QueueUrl"]
    topic = clients("sns").create_topic(Name=name)["TopicArn"]
    encrypt = {"KeyId": key, "Plaintext": b"x", "EncryptionContext": {"Run": "1"}}
    refused(lambda: user("kms").encrypt(**encrypt), "kms:Encrypt", key)
    refused(lambda: user("sqs").send_message(QueueUrl=queue, MessageBody="x"), "sqs:SendMessage", MAIN)
    refused(lambda: user("sns").publish(TopicArn=topic, Message="x"), "sns:Publish", MAIN)
    run = {"StringEquals": {"kms:EncryptionContext:run": "1", "kms:CallerAccount": OTHER}}
    own = allow("kms:*", "*", **to(f"arn:aws:iam::{MAIN}:root"))
    shared = allow(["kms:Encrypt", "kms:Decrypt"], "*", Condition=run, **to(OTHER))
    clients("kms").put_key_policy(KeyId=key, PolicyName="default", Policy=document(own, shared))
    sends = document(allow("sqs:SendMessage", f"arn:aws:sqs:{REGION}:{MAIN}:{name}", **to(OTHER)))
    clients("sqs").set_queue_attributes(QueueUrl=queue, Attributes={"Policy": sends})
    secret = user("kms").encrypt(**encrypt)["CiphertextBlob"]
    context = encrypt["EncryptionContext"]
    opened = clients("kms").decrypt(KeyId=key, CiphertextBlob=secret, EncryptionContext=context)
    assert opened["Plaintext"] == b"x"
    refused(lambda: user("kms").decrypt(KeyId=key, CiphertextBlob=secret, EncryptionContext={}), "kms:Decrypt")
    user("sqs").send_message(QueueUrl=queue, MessageBody="from the other account")
    (message,) = clients("sqs").receive_message(QueueUrl=queue)["Messages"]
    assert message["Body"] == "from the other account"
    refused(lambda: user("sqs").receive_message(QueueUrl=queue), "sqs:ReceiveMessage", "no resource-based policy")
    # A role of another account cannot be passed to a service.
    pipeline = {"PipelineName": name, "PipelineDefinition": "{}", "ClientRequestToken": name + "-" * 32}
    foreign_role = f"arn:aws:iam::{MAIN}:role/anybody"
    refused(lambda: user("sagemaker").create_pipeline(RoleArn=foreign_role, **pipeline), "iam:PassRole", foreign_role)


def test_copying_an_object_needs_permission_on_source_tags_and_key(clients: Clients, bucket: str, role: Roles) -> None:
    arn, copier = role(READS, DECRYPTS, allow("s3:PutObject", "arn:aws:s3:::bucket-*/copies/*"))
    key, source = key_of(clients, bucket), {"Bucket": bucket, "Key": "models/1/model.tar.gz"}
    mine = f"bucket-{uuid.uuid4().hex[:8]}"
    _, administrator = role(allow("s3:*", "*"))
    administrator("s3").create_bucket(Bucket=mine)

    def copy(**more: Any) -> None:
        copier("s3").copy_object(Bucket=mine, Key="copies/model.tar.gz", CopySource=source, **more)

    refused(copy, "s3:GetObject", "models/1")
    tag(clients, bucket, source["Key"])
    open_models(clients, bucket, arn)
    refused(copy, "kms:Decrypt", key)
    open_key(clients, key, arn, bucket)
    refused(copy, "s3:GetObjectTagging")
    refused(lambda: copy(TaggingDirective="REPLACE", Tagging="promoted-to-prod=true"), "s3:PutObjectTagging")
    copy(TaggingDirective="REPLACE")
    copied = administrator("s3").get_object(Bucket=mine, Key="copies/model.tar.gz")
    assert (copied["Body"].read(), copied.get("SSEKMSKeyId")) == (b"model", None)


def docker(cloud: control.LocalCloud, *arguments: str | Path, password: str = "") -> None:
    command = [str(cloud.state_dir / "bin" / "docker"), *map(str, arguments)]
    done = subprocess.run(command, env=cloud.environ(), input=password, capture_output=True, text=True)
    if done.returncode:
        raise PermissionError(done.stderr)


@pytest.fixture
def image(cloud: control.LocalCloud, clients: Clients, role: Roles) -> str:
    """Image in a repository of the main account, after a push from the other account was denied."""
    repository = f"images-{uuid.uuid4().hex[:8]}"
    registry = f"{MAIN}.dkr.ecr.{REGION}.amazonaws.com"
    uri = f"{registry}/{repository}:1"
    clients("ecr").create_repository(repositoryName=repository)
    docker(cloud, "build", "--tag", uri, ROOT / "tests" / "localcloud" / "image")
    _, stranger = role(allow("ecr:*", "*"))

    def log_in(who: Clients) -> None:
        (token,) = who("ecr").get_authorization_token(registryIds=[MAIN])["authorizationData"]
        password = subprocess.run(
            ["base64", "-d"], input=token["authorizationToken"], capture_output=True, text=True, check=True
        ).stdout.removeprefix("AWS:")
        docker(cloud, "login", "--username", "AWS", "--password-stdin", registry, password=password)

    log_in(stranger)
    with pytest.raises(PermissionError, match="ecr:PutImage"):
        docker(cloud, "push", uri)
    log_in(clients)
    docker(cloud, "push", uri)
    return uri


def share_image(clients: Clients, uri: str, actions: Sequence[str]) -> None:
    policy = document(allow(actions, **to(f"arn:aws:iam::{OTHER}:root")))
    clients("ecr").set_repository_policy(repositoryName=uri.partition("/")[2][:-2], policyText=policy)


PULL = ("ecr:BatchGetImage", "ecr:BatchCheckLayerAvailability", "ecr:GetDownloadUrlForLayer")


def test_another_accounts_model_package_deploys_once_group_image_and_data_are_shared(
    clients: Clients, other: Clients, role: Roles, bucket: str, image: str
) -> None:
    group, path = f"group-{uuid.uuid4().hex[:8]}", "models/1/model.tar.gz"
    registry = clients("sagemaker")
    group_arn = registry.create_model_package_group(ModelPackageGroupName=group)["ModelPackageGroupArn"]
    container = {"Image": image, "ModelDataUrl": f"s3://{bucket}/{path}"}
    package = registry.create_model_package(
        ModelPackageGroupName=group, InferenceSpecification={"Containers": [container]}
    )["ModelPackageArn"]
    repository = f"arn:aws:ecr:{REGION}:{MAIN}:repository/*"
    endpoint_role, _ = role(READS, DECRYPTS, allow([*PULL, "ecr:GetAuthorizationToken"], repository))
    administrator = other("sagemaker")

    def create_model(client: Any = administrator) -> None:
        client.create_model(
            ModelName=group, ExecutionRoleArn=endpoint_role, PrimaryContainer={"ModelPackageName": package}
        )

    for look in (
        lambda: administrator.describe_model_package_group(ModelPackageGroupName=group_arn),
        lambda: administrator.describe_model_package(ModelPackageName=package),
        lambda: administrator.list_model_packages(ModelPackageGroupName=group_arn),
        lambda: administrator.update_model_package(ModelPackageArn=package, ModelApprovalStatus="Approved"),
        create_model,
    ):
        refused(look, "sagemaker:", "no resource-based policy")
    versions = f"arn:aws:sagemaker:{REGION}:{MAIN}:model-package/{group}/*"
    reads = ["sagemaker:DescribeModelPackage", "sagemaker:ListModelPackages", "sagemaker:CreateModel"]
    policy = document(
        allow("sagemaker:DescribeModelPackageGroup", group_arn, **to(OTHER)), allow(reads, versions, **to(OTHER))
    )
    registry.put_model_package_group_policy(ModelPackageGroupName=group, ResourcePolicy=policy)
    assert administrator.describe_model_package(ModelPackageName=package)["ModelPackageArn"] == package
    listed = administrator.list_model_packages(ModelPackageGroupName=group_arn)["ModelPackageSummaryList"]
    assert [summary["ModelPackageArn"] for summary in listed] == [package]
    assert administrator.describe_model_package_group(ModelPackageGroupName=group_arn)["ModelPackageGroupName"] == group
    refused(
        lambda: administrator.update_model_package(ModelPackageArn=package, ModelApprovalStatus="Approved"),
        "sagemaker:UpdateModelPackage",
    )
    refused(
        lambda: administrator.get_model_package_group_policy(ModelPackageGroupName=group_arn),
        "sagemaker:GetModelPackageGroupPolicy",
    )
    with pytest.raises(ClientError, match="has ModelApprovalStatus PendingManualApproval"):
        create_model()
    registry.update_model_package(ModelPackageArn=package, ModelApprovalStatus="Approved")
    with pytest.raises(ClientError, match=r"cannot pull .* ecr:BatchGetImage"):
        create_model()
    share_image(clients, image, PULL[:2])
    with pytest.raises(ClientError, match=r"cannot pull .* ecr:GetDownloadUrlForLayer"):
        create_model()
    share_image(clients, image, PULL)
    with pytest.raises(ClientError, match="Could not access model data"):
        create_model()
    tag(clients, bucket, path)
    open_models(clients, bucket, endpoint_role)
    create_model()
    assert group not in [model["ModelName"] for model in registry.list_models()["Models"]]
    # CloudFormation has the same permissions as the account.
    registry.delete_model_package_group_policy(ModelPackageGroupName=group)
    properties = {"ExecutionRoleArn": endpoint_role, "PrimaryContainer": {"ModelPackageName": package}}
    template = json.dumps({"Resources": {"Model": {"Type": "AWS::SageMaker::Model", "Properties": properties}}})
    stacks = other("cloudformation")
    stacks.create_stack(StackName=group, TemplateBody=template)
    wait_for(lambda: _status(stacks, group) == "ROLLBACK_COMPLETE", "the stack's rollback")
    registry.put_model_package_group_policy(ModelPackageGroupName=group, ResourcePolicy=policy)
    stacks.create_stack(StackName=f"{group}-again", TemplateBody=template)
    wait_for(lambda: _status(stacks, f"{group}-again") == "CREATE_COMPLETE", "the stack")


def _status(stacks: Any, name: str) -> str:
    return str(stacks.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"])

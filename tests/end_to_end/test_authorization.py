"""IAM policies decide what a client may do, as on AWS."""

import io
import json
import uuid
import zipfile
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.end_to_end.conftest import Clients, wait_for

ACCOUNT = "123456789012"


def allow(action: str | list[str], resource: str = "*", **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


@pytest.fixture
def role(clients: Clients) -> Callable[..., Clients]:
    """Factory of roles with the given statements; returns clients that act as the role."""

    def make(*statements: dict[str, Any], path: str = "/") -> Clients:
        name = f"role-{uuid.uuid4().hex[:8]}"
        trust = {
            "Version": "2012-10-17",
            "Statement": allow("sts:AssumeRole") | {"Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}},
        }
        del trust["Statement"]["Resource"]  # type: ignore[attr-defined]
        iam = clients("iam")
        arn = iam.create_role(RoleName=name, Path=path, AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
        document = {"Version": "2012-10-17", "Statement": list(statements)}
        iam.put_role_policy(RoleName=name, PolicyName="policy", PolicyDocument=json.dumps(document))
        return clients.as_role(arn)

    return make


@pytest.fixture
def bucket(clients: Clients) -> str:
    name = f"bucket-{uuid.uuid4().hex[:8]}"
    clients("s3").create_bucket(Bucket=name)
    return name


def denied(call: Callable[[], Any], *words: str) -> None:
    with pytest.raises(ClientError) as error:
        call()
    assert error.value.response["Error"]["Code"] in ("AccessDenied", "AccessDeniedException")
    for word in words:
        assert word in error.value.response["Error"]["Message"]


@pytest.mark.parametrize("path", ["/", "/team/"])
def test_a_permissions_boundary_limits_a_role(clients: Clients, role: Any, bucket: str, path: str) -> None:
    clients("s3").put_object(Bucket=bucket, Key="x", Body=b"1")
    acting = role(allow("s3:*"), path=path)
    assert acting("s3").get_object(Bucket=bucket, Key="x")["Body"].read() == b"1"
    iam, name = clients("iam"), acting("sts").get_caller_identity()["Arn"].split("/")[1]
    document = json.dumps({"Version": "2012-10-17", "Statement": [allow("s3:PutObject")]})
    boundary = iam.create_policy(PolicyName=f"boundary-{name}", PolicyDocument=document)["Policy"]["Arn"]
    iam.put_role_permissions_boundary(RoleName=name, PermissionsBoundary=boundary)
    assert iam.get_role(RoleName=name)["Role"]["PermissionsBoundary"]["PermissionsBoundaryArn"] == boundary
    denied(lambda: acting("s3").get_object(Bucket=bucket, Key="x"), "no permissions boundary allows the s3:GetObject")
    acting("s3").put_object(Bucket=bucket, Key="x", Body=b"2")
    iam.delete_role_permissions_boundary(RoleName=name)
    assert acting("s3").get_object(Bucket=bucket, Key="x")["Body"].read() == b"2"


def test_a_boundary_that_does_not_exist_is_refused(clients: Clients) -> None:
    iam, missing = clients("iam"), f"arn:aws:iam::{ACCOUNT}:policy/missing"
    with pytest.raises(ClientError, match=f"Scope ARN: {missing} does not exist or is not attachable"):
        iam.create_role(RoleName="bounded", AssumeRolePolicyDocument="{}", PermissionsBoundary=missing)


def test_only_objects_that_the_policy_allows_can_be_read(clients: Clients, role: Any, bucket: str) -> None:
    for key in ("bow/a b+ü.pbr", "models/x"):
        clients("s3").put_object(Bucket=bucket, Key=key, Body=b"1")
    reader = role(allow("s3:GetObject", f"arn:aws:s3:::{bucket}/bow/*"))("s3")
    assert reader.get_object(Bucket=bucket, Key="bow/a b+ü.pbr")["Body"].read() == b"1"
    denied(lambda: reader.get_object(Bucket=bucket, Key="models/x"), "s3:GetObject", f"{bucket}/models/x", "role-")
    denied(lambda: reader.put_object(Bucket=bucket, Key="bow/y", Body=b""), "s3:PutObject")
    denied(lambda: reader.list_objects_v2(Bucket=bucket), "s3:ListBucket")


def test_the_message_names_caller_action_and_resource(role: Any) -> None:
    denied(
        lambda: role(allow("s3:*"))("sagemaker").describe_training_job(TrainingJobName="a-job"),
        "assumed-role/role-",
        "sagemaker:DescribeTrainingJob",
        f"arn:aws:sagemaker:us-east-1:{ACCOUNT}:training-job/a-job",
    )


@pytest.mark.parametrize(
    ("service", "call"),
    [
        ("lambda", lambda client: client.invoke(FunctionName="f")),
        ("cloudformation", lambda client: client.describe_stacks(StackName="s")),
        ("events", lambda client: client.list_rules()),
        ("logs", lambda client: client.describe_log_groups()),
        ("sagemaker-runtime", lambda client: client.invoke_endpoint(EndpointName="e", Body=b"x")),
        ("ecr", lambda client: client.describe_images(repositoryName="repository")),
        ("ssm", lambda client: client.get_parameter(Name="/a/b")),
        ("sts", lambda client: client.assume_role(RoleArn=f"arn:aws:iam::{ACCOUNT}:role/x", RoleSessionName="xx")),
        ("iam", lambda client: client.list_roles()),
    ],
)
def test_every_service_refuses_a_role_without_a_grant(role: Any, service: str, call: Callable[[Any], Any]) -> None:
    client = role(allow("s3:GetObject"))(service)
    denied(lambda: call(client))


def test_reading_an_encrypted_object_requires_permission_on_the_key(clients: Clients, role: Any, bucket: str) -> None:
    key = clients("kms").create_key()["KeyMetadata"]["Arn"]
    by_default = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}}
    clients("s3").put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": [by_default]})
    clients("s3").put_object(Bucket=bucket, Key="x", Body=b"1")
    objects = allow("s3:*", f"arn:aws:s3:::{bucket}/*")
    without = role(objects)("s3")
    denied(lambda: without.get_object(Bucket=bucket, Key="x"), "kms:Decrypt", key)
    denied(lambda: without.put_object(Bucket=bucket, Key="y", Body=b""), "kms:GenerateDataKey", key)
    with_key = role(objects, allow(["kms:Decrypt", "kms:GenerateDataKey"], key))("s3")
    with_key.put_object(Bucket=bucket, Key="y", Body=b"2")
    assert with_key.get_object(Bucket=bucket, Key="y")["Body"].read() == b"2"


def test_a_deny_in_the_bucket_policy_overrides_the_roles_allow(clients: Clients, role: Any, bucket: str) -> None:
    clients("s3").put_object(Bucket=bucket, Key="x", Body=b"1")
    policy = {
        "Version": "2012-10-17",
        "Statement": [
            # As the CDK's enforce_ssl writes it; the local endpoint counts as TLS.
            {
                "Effect": "Deny",
                "Principal": {"AWS": "*"},
                "Action": "s3:*",
                "Resource": f"arn:aws:s3:::{bucket}/*",
                "Condition": {"Bool": {"aws:SecureTransport": "false"}},
            },
            {"Effect": "Deny", "Principal": "*", "Action": "s3:DeleteObject", "Resource": f"arn:aws:s3:::{bucket}/*"},
        ],
    }
    clients("s3").put_bucket_policy(Bucket=bucket, Policy=json.dumps(policy))
    anything = role(allow("s3:*"))("s3")
    assert anything.get_object(Bucket=bucket, Key="x")["Body"].read() == b"1"
    denied(lambda: anything.delete_object(Bucket=bucket, Key="x"), "explicit deny")
    errors = anything.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "x"}]})["Errors"]
    assert [error["Code"] for error in errors] == ["AccessDenied"]


def test_passing_a_role_requires_pass_role_for_that_service(role: Any) -> None:
    passed = f"arn:aws:iam::{ACCOUNT}:role/training"
    create = {"PipelineName": "p", "PipelineDefinition": "{}", "ClientRequestToken": "t" * 32, "RoleArn": passed}
    pipelines = allow("sagemaker:CreatePipeline")
    denied(lambda: role(pipelines)("sagemaker").create_pipeline(**create), "iam:PassRole", passed)
    to_lambda = allow(
        "iam:PassRole", passed, Condition={"StringEquals": {"iam:PassedToService": "lambda.amazonaws.com"}}
    )
    denied(lambda: role(pipelines, to_lambda)("sagemaker").create_pipeline(**create), "iam:PassRole")


def test_passing_a_role_inside_a_job_definition_requires_pass_role(role: Any) -> None:
    passed = f"arn:aws:iam::{ACCOUNT}:role/training"
    definition = {
        "AlgorithmSpecification": {"TrainingImage": "i", "TrainingInputMode": "File"},
        "RoleArn": passed,
        "OutputDataConfig": {"S3OutputPath": "s3://b/o"},
        "StoppingCondition": {"MaxRuntimeInSeconds": 60},
    }
    create = {
        "HyperParameterTuningJobName": "t",
        "HyperParameterTuningJobConfig": {"Strategy": "Random", "ResourceLimits": {"MaxParallelTrainingJobs": 1}},
        "TrainingJobDefinition": definition,
    }
    tuner = role(allow("sagemaker:CreateHyperParameterTuningJob"))("sagemaker")
    denied(lambda: tuner.create_hyper_parameter_tuning_job(**create), "iam:PassRole", passed)


def test_publishing_to_an_encrypted_topic_requires_permission_on_the_key(clients: Clients, role: Any) -> None:
    key = clients("kms").create_key()["KeyMetadata"]["Arn"]
    topic = clients("sns").create_topic(Name=f"topic-{uuid.uuid4().hex[:8]}", Attributes={"KmsMasterKeyId": key})
    arn = topic["TopicArn"]
    publish = allow("sns:Publish", arn)
    message = {"TopicArn": arn, "Message": "hello"}
    denied(lambda: role(publish)("sns").publish(**message), "kms:GenerateDataKey", key)
    with_key = role(publish, allow(["kms:Decrypt", "kms:GenerateDataKey"], key))("sns")
    assert with_key.publish(**message)["MessageId"]
    elsewhere = role(allow("sns:Publish", f"{arn}-other"), allow("kms:*", key))("sns")
    denied(lambda: elsewhere.publish(**message), "sns:Publish", arn)
    deny = {"Effect": "Deny", "Principal": "*", "Action": "sns:Publish", "Resource": arn}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [deny]})
    clients("sns").set_topic_attributes(TopicArn=arn, AttributeName="Policy", AttributeValue=policy)
    denied(lambda: with_key.publish(**message), "explicit deny")


def test_a_role_can_be_assumed_only_by_principals_it_trusts(clients: Clients) -> None:
    trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "sagemaker.amazonaws.com"}}
    name = f"role-{uuid.uuid4().hex[:8]}"
    arn = clients("iam").create_role(
        RoleName=name, AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    )["Role"]["Arn"]
    denied(lambda: clients.as_role(arn), "sts:AssumeRole")


def test_wrong_secrets_and_unsigned_requests_are_refused(clients: Clients) -> None:
    import urllib.error
    import urllib.request

    liar = Clients(clients.cloud, clients.credentials | {"aws_secret_access_key": "x" * 40})
    with pytest.raises(ClientError, match="SignatureDoesNotMatch"):
        liar("iam").list_roles()
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(f"{clients.cloud.endpoint_url}/?Action=ListUsers&Version=2010-05-08")


def test_sending_to_an_encrypted_queue_requires_permission_on_queue_and_key(clients: Clients, role: Any) -> None:
    root = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, "Action": "kms:*", "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [root]})
    key = clients("kms").create_key(Policy=policy)["KeyMetadata"]["Arn"]
    name = f"queue-{uuid.uuid4().hex[:8]}"
    url = clients("sqs").create_queue(QueueName=name, Attributes={"KmsMasterKeyId": key})["QueueUrl"]
    arn = f"arn:aws:sqs:us-east-1:{ACCOUNT}:{name}"
    send = allow(["sqs:SendMessage", "sqs:ReceiveMessage"], arn)
    keyless, stranger, sender = (
        role(*statements)("sqs")
        for statements in (
            [send],
            [allow("sqs:SendMessage", f"{arn}-other"), allow("kms:*", key)],
            [send, allow(["kms:GenerateDataKey", "kms:Decrypt"], key)],
        )
    )
    denied(lambda: stranger.send_message(QueueUrl=url, MessageBody="x"), "sqs:SendMessage", arn)
    denied(lambda: keyless.send_message(QueueUrl=url, MessageBody="x"), "kms:GenerateDataKey", key)
    sender.send_message(QueueUrl=url, MessageBody="x")
    denied(lambda: keyless.receive_message(QueueUrl=url), "kms:Decrypt", key)
    assert sender.receive_message(QueueUrl=url)["Messages"][0]["Body"] == "x"


def test_a_function_receives_messages_with_its_roles_permissions(clients: Clients) -> None:
    name = f"function-{uuid.uuid4().hex[:8]}"
    trust = allow("sts:AssumeRole") | {"Principal": {"Service": "lambda.amazonaws.com"}}
    del trust["Resource"]
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    role_arn = clients("iam").create_role(RoleName=name, AssumeRolePolicyDocument=document)["Role"]["Arn"]
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as package:
        code = zipfile.ZipInfo("index.py")
        code.external_attr = 0o644 << 16
        package.writestr(code, "def handler(event, context): pass")
    clients("lambda").create_function(
        FunctionName=name,
        Runtime="python3.13",
        Handler="index.handler",
        Role=role_arn,
        Code={"ZipFile": archive.getvalue()},
        Timeout=30,
    )
    url = clients("sqs").create_queue(QueueName=name)["QueueUrl"]
    arn = f"arn:aws:sqs:us-east-1:{ACCOUNT}:{name}"

    def map_queue() -> Any:
        return clients("lambda").create_event_source_mapping(EventSourceArn=arn, FunctionName=name)

    with pytest.raises(ClientError, match=r"does not have permissions .* sqs:GetQueueAttributes"):
        map_queue()
    consume = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"]
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allow(consume, arn)]})
    clients("iam").put_role_policy(RoleName=name, PolicyName="policy", PolicyDocument=policy)
    uuid_of_mapping = map_queue()["UUID"]
    clients("sqs").send_message(QueueUrl=url, MessageBody="x")

    def is_done() -> bool:
        mapping = clients("lambda").get_event_source_mapping(UUID=uuid_of_mapping)
        return bool(mapping["LastProcessingResult"] == "OK")

    wait_for(is_done, "the message's end")


def test_a_stack_has_the_rights_of_its_role_or_of_the_caller(clients: Clients, role: Any) -> None:
    name = f"stack-{uuid.uuid4().hex[:8]}"
    trust = allow("sts:AssumeRole") | {"Principal": {"Service": "cloudformation.amazonaws.com"}}
    del trust["Resource"]
    service_role = clients("iam").create_role(
        RoleName=name, AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    )["Role"]["Arn"]
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allow("sns:*")]})
    clients("iam").put_role_policy(RoleName=name, PolicyName="policy", PolicyDocument=policy)
    create = {
        "StackName": name,
        "TemplateBody": json.dumps({"Resources": {"Topic": {"Type": "AWS::SNS::Topic", "Properties": {}}}}),
    }

    def settled(status: str) -> None:
        def look() -> bool:
            stack = clients("cloudformation").describe_stacks(StackName=name)["Stacks"][0]
            return bool(stack["StackStatus"] == status)

        wait_for(look, status)

    caller = role(allow("cloudformation:*"))("cloudformation")
    denied(lambda: caller.create_stack(**create, RoleARN=service_role), "iam:PassRole", service_role)
    caller.create_stack(**create)
    settled("ROLLBACK_COMPLETE")
    events = caller.describe_stack_events(StackName=name)["StackEvents"]
    reasons = "\n".join(one.get("ResourceStatusReason", "") for one in events)
    assert "is not authorized to perform: sns:CreateTopic" in reasons
    caller.delete_stack(StackName=name)

    condition = {"StringEquals": {"cloudformation:RoleArn": service_role}}
    limited = role(allow("cloudformation:CreateStack", Condition=condition), allow("iam:PassRole"))("cloudformation")
    denied(lambda: limited.create_stack(**create), "cloudformation:CreateStack")
    another = f"arn:aws:iam::{ACCOUNT}:role/administrator"
    denied(lambda: limited.create_stack(**create, RoleARN=another), "cloudformation:CreateStack")
    limited.create_stack(**create, RoleARN=service_role)
    settled("CREATE_COMPLETE")
    clients("cloudformation").delete_stack(StackName=name)


def test_a_model_is_registered_by_who_may_read_its_image_and_artifact(clients: Clients, role: Any, bucket: str) -> None:
    name = f"group-{uuid.uuid4().hex[:8]}"
    clients("ecr").create_repository(repositoryName=name)
    clients("sagemaker").create_model_package_group(ModelPackageGroupName=name)
    repository = f"arn:aws:ecr:us-east-1:{ACCOUNT}:repository/{name}"
    container = {
        "Image": f"{ACCOUNT}.dkr.ecr.us-east-1.amazonaws.com/{name}:1",
        "ModelDataUrl": f"s3://{bucket}/models/model.tar.gz",
    }
    request = {
        "ModelPackageGroupName": name,
        "InferenceSpecification": {
            "Containers": [container],
            "SupportedContentTypes": ["text/csv"],
            "SupportedResponseMIMETypes": ["application/json"],
        },
    }
    register = allow("sagemaker:CreateModelPackage")
    image = allow(["ecr:BatchGetImage", "ecr:DescribeImages"], repository)
    denied(lambda: role(register)("sagemaker").create_model_package(**request), "ecr:BatchGetImage", repository)
    denied(lambda: role(register, image)("sagemaker").create_model_package(**request), "s3:GetObject", "model.tar.gz")
    artifact = allow("s3:GetObject", f"arn:aws:s3:::{bucket}/models/*")
    only_version = allow(
        "sagemaker:CreateModelPackage", f"arn:aws:sagemaker:us-east-1:{ACCOUNT}:model-package/{name}/*"
    )
    denied(
        lambda: role(only_version, image, artifact)("sagemaker").create_model_package(**request),
        f"model-package-group/{name}",
    )
    arn = role(register, image, artifact)("sagemaker").create_model_package(**request)["ModelPackageArn"]
    clients("sagemaker").delete_model_package(ModelPackageName=arn)
    clients("sagemaker").delete_model_package_group(ModelPackageGroupName=name)


def test_a_function_in_a_vpc_needs_a_role_that_may_create_interfaces(clients: Clients) -> None:
    name = f"function-{uuid.uuid4().hex[:8]}"
    trust = allow("sts:AssumeRole") | {"Principal": {"Service": "lambda.amazonaws.com"}}
    del trust["Resource"]
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    role_arn = clients("iam").create_role(RoleName=name, AssumeRolePolicyDocument=document)["Role"]["Arn"]
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as package:
        code = zipfile.ZipInfo("index.py")
        code.external_attr = 0o644 << 16
        package.writestr(code, "def handler(event, context): pass")
    vpc = clients("ec2").create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnet = clients("ec2").create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/24")["Subnet"]["SubnetId"]
    group = clients("ec2").create_security_group(VpcId=vpc, GroupName=name, Description="x")["GroupId"]
    request = {
        "FunctionName": name,
        "Runtime": "python3.13",
        "Handler": "index.handler",
        "Role": role_arn,
        "Code": {"ZipFile": archive.getvalue()},
        "VpcConfig": {"SubnetIds": [subnet], "SecurityGroupIds": [group]},
    }
    with pytest.raises(ClientError, match="does not have permissions to call CreateNetworkInterface on EC2"):
        clients("lambda").create_function(**request)
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allow("ec2:*")]})
    clients("iam").put_role_policy(RoleName=name, PolicyName="policy", PolicyDocument=policy)
    assert clients("lambda").create_function(**request)["VpcConfig"]["VpcId"]


def test_the_policy_simulator_decides_as_requests_are_decided(clients: Clients, role: Any) -> None:
    passed = f"arn:aws:iam::{ACCOUNT}:role/passed"
    deny = {"Effect": "Deny", "Action": "s3:DeleteObject", "Resource": "*"}
    by_tag = {"StringEquals": {"aws:ResourceTag/team": "a"}}
    acting = role(allow("iam:PassRole", passed), allow("s3:*"), deny, allow("sns:Publish", Condition=by_tag))
    iam, name = clients("iam"), acting("sts").get_caller_identity()["Arn"].split("/")[1]
    source = iam.get_role(RoleName=name)["Role"]["Arn"]

    def decisions(**request: Any) -> list[str]:
        answer = iam.simulate_principal_policy(**{"PolicySourceArn": source, **request})
        return [result["EvalDecision"] for result in answer["EvaluationResults"]]

    assert decisions(ActionNames=["s3:GetObject", "s3:DeleteObject", "sns:Publish"]) == [
        "allowed",
        "explicitDeny",
        "implicitDeny",
    ]
    assert decisions(ActionNames=["iam:PassRole"], ResourceArns=[passed, f"{passed}-2"]) == ["allowed", "implicitDeny"]
    assert decisions(ActionNames=["iam:PassRole"]) == ["implicitDeny"]
    tag = {"ContextKeyName": "aws:ResourceTag/team", "ContextKeyValues": ["a"], "ContextKeyType": "string"}
    assert decisions(ActionNames=["sns:Publish"], ContextEntries=[tag]) == ["allowed"]
    limits = json.dumps({"Version": "2012-10-17", "Statement": allow("sns:*")})
    bounded = decisions(ActionNames=["s3:GetObject"], PermissionsBoundaryPolicyInputList=[limits])
    assert bounded == ["implicitDeny"]
    custom = iam.simulate_custom_policy(PolicyInputList=[limits], ActionNames=["sns:Publish", "s3:GetObject"])
    assert [one["EvalDecision"] for one in custom["EvaluationResults"]] == ["allowed", "implicitDeny"]
    with pytest.raises(ClientError, match="cannot be found"):
        decisions(PolicySourceArn=f"{source}-2", ActionNames=["s3:GetObject"])
    with pytest.raises(ClientError, match="Invalid Entity Arn"):
        decisions(PolicySourceArn=f"arn:aws:iam::{ACCOUNT}:policy/x", ActionNames=["s3:GetObject"])

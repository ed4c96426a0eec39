"""From a file to topics from an endpoint: the dev environment, deployed by the CDK CLI, run by its operator."""

import io
import json
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.local import planted
from tests.local.conftest import Clients, root


class Operator:
    """Somebody at a terminal with the command line and the local cloud."""

    def __init__(self, environ: dict[str, str]):
        self.environ = environ

    def __call__(self, *arguments: str | Path) -> Any:
        """Run a command with ``--json`` and return what it printed."""
        done = self.attempt(*arguments)
        assert done.returncode == 0, done.stderr[-4000:]
        return json.loads(done.stdout)

    def attempt(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "topicsmith", *map(str, arguments), "--json"]
        return subprocess.run(command, env=self.environ, cwd=root(), capture_output=True, text=True, timeout=300)


@pytest.fixture(scope="module")
def operator(environ: dict[str, str]) -> Operator:
    operator = Operator(environ)
    operator("local", "up", "--deploy")
    return operator


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return planted.write_csv(tmp_path_factory.mktemp("corpus") / "planted.csv")


@pytest.fixture(scope="module")
def run(operator: Operator, corpus: Path) -> Any:
    return operator("run", corpus, "--text", "title,body", "--id", "key", "--topics", "4")


@pytest.fixture(scope="module")
def outputs(operator: Operator, clients: Clients) -> dict[str, str]:
    """The outputs of dev's stacks."""
    stacks = clients("cloudformation").describe_stacks()["Stacks"]
    return {
        output["OutputKey"]: output["OutputValue"]
        for stack in stacks
        if stack["StackName"].startswith("topicsmith-dev")
        for output in stack.get("Outputs", [])
    }


def objects(clients: Clients, bucket: str, prefix: str) -> list[str]:
    found = clients("s3").list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", [])
    return [item["Key"].removeprefix(prefix) for item in found]


def test_the_run_went_through_its_steps(run: Any) -> None:
    assert run["status"] == "Succeeded"
    assert [(step["name"], step["status"]) for step in run["steps"]] == [
        ("Preprocess", "Succeeded"),
        ("Train", "Succeeded"),
        ("Register", "Succeeded"),
    ]


def test_everything_that_it_made_lies_under_its_id(run: Any, outputs: dict[str, str], clients: Clients) -> None:
    bucket = outputs["DataBucketName"]
    made = objects(clients, bucket, f"bow/{run['id']}/")
    assert {"meta.json", "auxiliary/vocab.txt", "auxiliary/tokenizer.json"} <= set(made)
    assert {name.split("/")[0] for name in made if name.endswith(".pbr")} == {"train", "validation", "test"}
    assert (
        len([name for name in objects(clients, bucket, f"models/{run['id']}/") if name.endswith("model.tar.gz")]) == 1
    )


def test_malformed_rows_were_counted(run: Any, outputs: dict[str, str], clients: Clients) -> None:
    stored = clients("s3").get_object(Bucket=outputs["DataBucketName"], Key=f"bow/{run['id']}/meta.json")
    meta = stored["Body"].read().decode()
    assert "planted.csv row 48" in meta
    assert json.loads(meta)["malformed_rows"] == 3
    assert json.loads(meta)["documents"] == 480


def test_what_is_stored_is_encrypted_with_the_data_key(run: Any, outputs: dict[str, str], clients: Clients) -> None:
    bucket = outputs["DataBucketName"]
    for key in (f"bow/{run['id']}/auxiliary/vocab.txt", "raw/planted.csv"):
        assert clients("s3").head_object(Bucket=bucket, Key=key)["SSEKMSKeyId"] == outputs["DataKeyArn"]


def test_the_model_waits_for_approval(run: Any, operator: Operator, outputs: dict[str, str], clients: Clients) -> None:
    listed = clients("sagemaker").list_model_packages(ModelPackageGroupName=outputs["ModelPackageGroupName"])
    arns = [package["ModelPackageArn"] for package in listed["ModelPackageSummaryList"]]
    package = clients("sagemaker").describe_model_package(ModelPackageName=arns[-1])
    assert package["ModelApprovalStatus"] in ("PendingManualApproval", "Approved")
    container = package["InferenceSpecification"]["Containers"][0]
    bucket, _, key = container["ModelDataUrl"].removeprefix("s3://").partition("/")
    archive = clients("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
    with tarfile.open(fileobj=io.BytesIO(archive)) as model:
        names = {Path(name).name for name in model.getnames()}
    assert {"model.safetensors", "config.json", "vocab.txt", "tokenizer.json", "topics.json"} <= names


def test_the_jobs_log_is_in_cloudwatch(run: Any, clients: Clients) -> None:
    streams = clients("logs").describe_log_streams(
        logGroupName="/aws/sagemaker/TrainingJobs", logStreamNamePrefix=f"pipelines-{run['id']}-Train-"
    )["logStreams"]
    events = clients("logs").get_log_events(
        logGroupName="/aws/sagemaker/TrainingJobs", logStreamName=streams[0]["logStreamName"], startFromHead=True
    )["events"]
    assert any("#quality_metric" in event["message"] for event in events)


@pytest.fixture(scope="module")
def approved(run: Any, operator: Operator) -> Any:
    return operator("approve", "1", "--wait")


def test_the_topics_are_the_planted_ones(approved: Any, operator: Operator) -> None:
    found = operator("topics")["topics"]
    for words in planted.TOPICS.values():
        best = max(len(set(words) & {word for word, _ in topic["words"][:10]}) for topic in found)
        assert best >= 8, (words, found)


def test_a_text_is_of_the_topic_that_it_is_about(approved: Any, operator: Operator) -> None:
    topics = operator("topics")["topics"]
    texts = [planted.document(name, 10_000) for name in planted.TOPICS]
    answered = operator("infer", *texts)["predictions"]
    for words, prediction in zip(planted.TOPICS.values(), answered, strict=True):
        weights = prediction["topic_weights"]
        assert sum(weights) == pytest.approx(1)
        top = topics[weights.index(max(weights))]
        assert len(set(words) & {word for word, _ in top["words"][:10]}) >= 8


def test_any_client_may_ask_with_a_bag_of_words(
    approved: Any, outputs: dict[str, str], clients: Clients, run: Any
) -> None:
    bucket = outputs["DataBucketName"]
    vocabulary = clients("s3").get_object(Bucket=bucket, Key=f"bow/{run['id']}/auxiliary/vocab.txt")["Body"].read()
    words = vocabulary.decode().split("\n")[:-1]
    row = ",".join("3" if word in planted.TOPICS["sea"] else "0" for word in words)
    answer = clients("sagemaker-runtime").invoke_endpoint(
        EndpointName=outputs["EndpointName"], ContentType="text/csv", Body=f"{row}\n{row}\n"
    )
    assert answer["ContentType"] == "application/json"
    weights = [prediction["topic_weights"] for prediction in json.load(answer["Body"])["predictions"]]
    assert weights[0] == weights[1]
    assert max(weights[0]) > 0.5


def test_a_bad_request_is_the_callers_fault(approved: Any, outputs: dict[str, str], clients: Clients) -> None:
    runtime = clients("sagemaker-runtime")
    with pytest.raises(runtime.exceptions.ModelError) as error:
        runtime.invoke_endpoint(EndpointName=outputs["EndpointName"], ContentType="text/csv", Body="1,2,3\n")
    assert error.value.response["OriginalStatusCode"] == 400


def test_another_approval_takes_over_without_a_gap(
    approved: Any, operator: Operator, corpus: Path, outputs: dict[str, str], clients: Clients
) -> None:
    operator("run", corpus, "--text", "body", "--topics", "3")
    runtime = clients("sagemaker-runtime")

    def topics_served() -> int:
        body = json.dumps({"instances": ["the harbour and the vessel"]})
        answer = runtime.invoke_endpoint(
            EndpointName=outputs["EndpointName"], ContentType="application/json", Body=body
        )
        return len(json.load(answer["Body"])["predictions"][0]["topic_weights"])

    served = [topics_served()]
    approval = subprocess.Popen(
        [sys.executable, "-m", "topicsmith", "approve", "2", "--wait"],
        env=operator.environ,
        cwd=root(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    while approval.poll() is None:
        served.append(topics_served())
    assert approval.returncode == 0
    served.append(topics_served())
    assert served == sorted(served, reverse=True)
    assert (served[0], served[-1]) == (4, 3)


def test_the_endpoint_scales_between_the_environments_limits(approved: Any, clients: Clients) -> None:
    scaling = clients("application-autoscaling")
    target = scaling.describe_scalable_targets(ServiceNamespace="sagemaker")["ScalableTargets"][0]
    assert target["ResourceId"] == "endpoint/topicsmith-dev/variant/AllTraffic"
    policies = scaling.describe_scaling_policies(ServiceNamespace="sagemaker")["ScalingPolicies"]
    configuration = policies[0]["TargetTrackingScalingPolicyConfiguration"]
    assert configuration["PredefinedMetricSpecification"] == {
        "PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"
    }


def test_a_corpus_of_stop_words_fails_with_the_reason_and_registers_nothing(
    operator: Operator, tmp_path: Path, run: Any
) -> None:
    useless = tmp_path / "useless.csv"
    useless.write_text("key,title,body\n" + "1,the,and of it\n" * 60)
    before = operator("models")
    failed = operator.attempt("run", useless, "--text", "title,body")
    assert failed.returncode == 1
    assert "Preprocess failed" in failed.stderr
    assert "text_columns" in failed.stderr
    assert operator("models") == before


@pytest.mark.parametrize(
    ("role", "step", "action"),
    [
        ("PreprocessRole", "Preprocess", "s3:"),
        ("TrainingRole", "Train", "s3:"),
        ("PipelineRole", "Preprocess", "lambda:InvokeFunction"),
    ],
)
def test_a_role_without_its_grants_fails_the_run(
    run: Any, operator: Operator, corpus: Path, clients: Clients, without_policy: Any, role: str, step: str, action: str
) -> None:
    with without_policy(role):
        failed = operator.attempt("run", corpus, "--text", "title,body", "--topics", "4")
    assert failed.returncode == 1
    assert f"{step} failed" in failed.stderr
    assert "not authorized to perform" in failed.stderr
    assert action in failed.stderr


@pytest.fixture
def without_policy(clients: Clients) -> Callable[[str], Any]:
    """Takes a role's inline policies away for as long as a block lasts."""
    from contextlib import contextmanager

    @contextmanager
    def taken_away(part: str) -> Any:
        iam = clients("iam")
        names = [role["RoleName"] for role in iam.list_roles(MaxItems=1000)["Roles"]]
        (name,) = [name for name in names if name.startswith("topicsmith-dev-training-") and part in name]
        policies = {
            policy: iam.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"]
            for policy in iam.list_role_policies(RoleName=name)["PolicyNames"]
        }
        assert policies
        for policy in policies:
            iam.delete_role_policy(RoleName=name, PolicyName=policy)
        try:
            yield
        finally:
            for policy, document in policies.items():
                iam.put_role_policy(RoleName=name, PolicyName=policy, PolicyDocument=json.dumps(document))

    return taken_away

"""The training job and the preprocessing function before it."""

import re

import pytest
from aws_cdk.assertions import Match, Template

from tests.synth.assembly import Assembly, JsonObject, template_of
from tests.synth.cloudformation import Deployment
from tests.synth.pipeline.pipeline import arguments_of, as_executed


def test_train_reads_what_preprocess_wrote(definition: JsonObject) -> None:
    channels = arguments_of(definition, "Train")["InputDataConfig"]
    for channel in channels:
        source = channel["DataSource"]["S3DataSource"]
        assert source["S3Uri"] == {"Get": f"Steps.Preprocess.OutputParameters['{channel['ChannelName']}_uri']"}
        assert source["S3DataDistributionType"] == "FullyReplicated"
    assert {channel["ChannelName"]: channel["ContentType"] for channel in channels} == {
        "train": "application/x-recordio-protobuf",
        "validation": "application/x-recordio-protobuf",
        "test": "application/x-recordio-protobuf",
        "auxiliary": "text/plain",
    }


def test_several_hosts_share_only_the_training_data(definitions: dict[str, JsonObject]) -> None:
    request = arguments_of(definitions["spot"], "Train")
    assert request["ResourceConfig"]["InstanceCount"] == 2
    assert {
        channel["ChannelName"]: channel["DataSource"]["S3DataSource"]["S3DataDistributionType"]
        for channel in request["InputDataConfig"]
    } == {
        "train": "ShardedByS3Key",
        "validation": "FullyReplicated",
        "test": "FullyReplicated",
        "auxiliary": "FullyReplicated",
    }


def test_hyperparameters_are_text_and_tuned_ones_come_from_the_winner(definition: JsonObject) -> None:
    values = arguments_of(definition, "Train")["HyperParameters"]
    executed = as_executed(definition, values)
    assert (executed["feature_dim"], executed["num_topics"]) == ("5000", "20")
    assert (executed["epochs"], executed["optimizer"]) == ("40", "adam")
    assert all(isinstance(value, str) for value in executed.values())
    for name in ("learning_rate", "mini_batch_size", "encoder_layers_activation"):
        best = {"Get": f"Steps.Tune.BestTrainingJob.TunedHyperParameters['{name}']"}
        assert values[name] == {"Std:Join": {"On": "", "Values": [best]}}


def test_without_tuning_the_environment_sets_the_hyperparameters(definitions: dict[str, JsonObject]) -> None:
    assert arguments_of(definitions["short"], "Train")["HyperParameters"]["learning_rate"] == "0.01"


def test_train_is_isolated_encrypted_and_on_a_gpu(deployment: Deployment, definition: JsonObject) -> None:
    request = arguments_of(definition, "Train")
    (key,) = deployment.resources("data", "AWS::KMS::Key")
    assert request["EnableNetworkIsolation"] is True
    assert request["OutputDataConfig"]["KmsKeyId"].endswith(f":key/{key}")
    assert request["ResourceConfig"]["InstanceType"].startswith("ml.g")
    assert "VolumeKmsKeyId" not in request["ResourceConfig"]


def test_the_volume_is_encrypted_if_the_instance_supports_it(definitions: dict[str, JsonObject]) -> None:
    train, tune = (arguments_of(definitions["volumes"], name) for name in ("Train", "Tune"))
    training = tune["TrainingJobDefinition"]
    assert "VolumeKmsKeyId" in train["ResourceConfig"]
    assert "VolumeKmsKeyId" in training["HyperParameterTuningResourceConfig"]
    template = template_of("training", training={"allow_cpu": True, "instance_type": "ml.c5.4xlarge"})
    volume = {"Action": Match.array_with(["kms:CreateGrant", "kms:DescribeKey"])}
    template.has_resource_properties(
        "AWS::IAM::Policy", {"PolicyDocument": {"Statement": Match.array_with([Match.object_like(volume)])}}
    )


def test_spot_training_waits_for_capacity_and_resumes_after_interruptions(definitions: dict[str, JsonObject]) -> None:
    request = arguments_of(definitions["spot"], "Train")
    assert request["EnableManagedSpotTraining"] is True
    assert request["StoppingCondition"] == {"MaxRuntimeInSeconds": 3600, "MaxWaitTimeInSeconds": 5400}
    assert re.search(
        r"/checkpoints/abcdefghijkl/train$", as_executed(definitions["spot"], request["CheckpointConfig"])["S3Uri"]
    )


def test_on_demand_training_needs_no_checkpoints(definition: JsonObject) -> None:
    request = arguments_of(definition, "Train")
    assert not {"CheckpointConfig", "EnableManagedSpotTraining"} & request.keys()
    assert request["StoppingCondition"].keys() == {"MaxRuntimeInSeconds"}


@pytest.mark.parametrize("step", ["Train", "Tune"])
def test_the_metrics_are_found_in_the_log(definition: JsonObject, step: str) -> None:
    prefix = "[11/20/2026 10:00:00 INFO 140] #quality_metric: host=algo-1, epoch=3, "
    log = {
        "train:total_loss": "train total_loss <loss>=7.0219",
        "validation:total_loss": "validation total_loss <loss>=7.0219",
        "validation:npmi": "validation npmi <score>=7.0219",
        "validation:tu": "validation tu <score>=7.0219",
        "validation:npmi_tu": "validation npmi_tu <score>=7.0219",
        "validation:wetc": "validation wetc <score>=7.0219",
    }
    arguments = arguments_of(definition, step)
    training = arguments.get("TrainingJobDefinition", arguments)
    metrics = training["AlgorithmSpecification"]["MetricDefinitions"]
    for metric in metrics:
        found = {name for name, line in log.items() if re.search(metric["Regex"], prefix + line)}
        assert found == {metric["Name"]}
        match = re.search(metric["Regex"], prefix + log[metric["Name"]])
        assert match
        assert match[1] == "7.0219"
    assert {metric["Name"] for metric in metrics} == set(log)


def test_the_function_has_its_own_log_that_expires(assembly: Assembly) -> None:
    for name, days in (("dev", 7), ("prod", 365)):
        template = Template.from_json(assembly.template(name, "training"))
        template.all_resources_properties("AWS::Logs::LogGroup", {"RetentionInDays": days})
        functions = template.find_resources("AWS::Lambda::Function")
        logs = {function["Properties"]["LoggingConfig"]["LogGroup"]["Ref"] for function in functions.values()}
        assert logs == template.find_resources("AWS::Logs::LogGroup").keys()


def test_the_function_has_lambdas_maximum_timeout(assembly: Assembly, environment: str) -> None:
    template = Template.from_json(assembly.template(environment, "training"))
    template.has_resource_properties(
        "AWS::Lambda::Function", {"Timeout": 900, "Handler": "handler.handler", "Architectures": ["arm64"]}
    )


def test_outputs(assembly: Assembly, environment: str) -> None:
    template = Template.from_json(assembly.template(environment, "training"))
    for output in ("PipelineName", "ModelPackageGroupName"):
        template.has_output(output, {"Value": f"topicsmith-{environment}"})
    template.has_output("NotificationTopicArn", {"Value": {"Ref": Match.string_like_regexp("Topic")}})

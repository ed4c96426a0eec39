"""Hyperparameter tuning job of the Neural Topic Model."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from aws_cdk import Stack, aws_iam

from constructs import Construct
from constructs.common.grants import grant
from constructs.definition.expressions import Json, as_text
from constructs.definition.steps import Cache, TuningStep
from constructs.pipeline.algorithm import NtmAlgorithm
from constructs.pipeline.channels import channels
from constructs.pipeline.job_volume import job_volume
from constructs.pipeline.jobs import JobSettings, grant_pass
from constructs.pipeline.spot import JobTime
from constructs.pipeline.tuning_search import TuningSearch

WarmStart = Literal["IdenticalDataAndAlgorithm", "TransferLearning"]
"""Type of a warm start."""


@dataclass(frozen=True, kw_only=True)
class NtmTuningProps:
    """Properties of the tuning job.

    Attributes:
        algorithm: Training algorithm.
        jobs: Settings shared by all jobs.
        role: Execution role of the training jobs.
        search: Search strategy, ranges and limits.
        instance_type: Instance type of each training job, for example ``ml.g4dn.xlarge``.
        volume_gb: Size of each training job's volume.
        job_time: Time limits of each training job.
        hyperparameters: Fixed hyperparameters, without ``feature_dim`` and ``num_topics``.
        warm_start: Type of the warm start, if any; the run names the parent job.
        cache_days: Maximum age of a cached result; 0 disables caching.
    """

    algorithm: NtmAlgorithm
    jobs: JobSettings
    role: aws_iam.IRole
    search: TuningSearch
    instance_type: str
    volume_gb: int
    job_time: JobTime
    hyperparameters: Mapping[str, str]
    warm_start: WarmStart | None
    cache_days: int


class NtmTuning(Construct):
    """Pipeline step that tunes hyperparameters.

    Attributes:
        keeps_checkpoints: Whether training jobs write checkpoints.
    """

    def __init__(self, scope: Construct, id: str, props: NtmTuningProps) -> None:
        super().__init__(scope, id)
        self._props = props
        self.keeps_checkpoints = props.job_time.keeps_checkpoints(props.algorithm)
        self._volume = job_volume(
            props.role, key=props.jobs.key, instance_type=props.instance_type, volume_gb=props.volume_gb
        )

    def step(
        self,
        *,
        inputs: Mapping[str, Json],
        feature_dim: Json,
        num_topics: Json,
        output_uri: Json,
        checkpoint_uri: Json,
        warm_start_from: Json,
    ) -> TuningStep:
        """Return the step that tunes hyperparameters.

        Args:
            inputs: S3 prefixes by channel name.
            feature_dim: Size of the vocabulary.
            num_topics: Number of topics, unless it is tuned.
            output_uri: S3 prefix for the models.
            checkpoint_uri: S3 prefix for checkpoints.
            warm_start_from: Name of the parent tuning job, for a warm start.
        """
        props = self._props
        arguments: dict[str, Json] = {
            "HyperParameterTuningJobConfig": props.search.to_request(),
            "TrainingJobDefinition": self._training(inputs, feature_dim, num_topics, output_uri, checkpoint_uri),
            # Not the run's tags, which would name the wrong run on a cached tuning job.
            "Tags": props.jobs.environment_tags,
        }
        if props.warm_start:
            arguments["WarmStartConfig"] = {
                "WarmStartType": props.warm_start,
                "ParentHyperParameterTuningJobs": [{"HyperParameterTuningJobName": warm_start_from}],
            }
        return TuningStep(
            name="Tune",
            arguments=arguments,
            tuned=tuple(props.search.ranges),
            retries=props.jobs.retries,
            cache=Cache(days=props.cache_days) if props.cache_days else None,
        )

    def grant_run(self, grantee: aws_iam.IGrantable) -> None:
        """Allow a pipeline's role to run the tuning jobs and pass their execution role."""
        stack = Stack.of(self)
        jobs = stack.format_arn(service="sagemaker", resource="hyper-parameter-tuning-job", resource_name="*")
        grant(
            grantee,
            actions=[
                "sagemaker:AddTags",
                "sagemaker:CreateHyperParameterTuningJob",
                "sagemaker:DescribeHyperParameterTuningJob",
                "sagemaker:ListTrainingJobsForHyperParameterTuningJob",
                "sagemaker:StopHyperParameterTuningJob",
            ],
            resources=[jobs],
            wildcard="A pipeline makes the names of its tuning jobs, too short for a prefix of its own.",
        )
        grant_pass(grantee, self._props.role)

    def _training(
        self, inputs: Mapping[str, Json], feature_dim: Json, num_topics: Json, output_uri: Json, checkpoint_uri: Json
    ) -> Mapping[str, Json]:
        props = self._props
        given = {"feature_dim": as_text(feature_dim), "num_topics": as_text(num_topics), **props.hyperparameters}
        metrics = props.algorithm.metric_definitions
        attempts = props.jobs.retry_attempts
        return {
            "StaticHyperParameters": {name: value for name, value in given.items() if name not in props.search.ranges},
            "AlgorithmSpecification": {
                "TrainingImage": props.algorithm.training_image,
                "TrainingInputMode": "File",
                **({"MetricDefinitions": metrics} if metrics else {}),
            },
            "RoleArn": props.role.role_arn,
            "InputDataConfig": channels(inputs, sharded=False),
            "OutputDataConfig": {"S3OutputPath": output_uri, "KmsKeyId": props.jobs.key.key_arn},
            "HyperParameterTuningResourceConfig": {
                "InstanceCount": 1,
                "InstanceType": props.instance_type,
                **self._volume,
            },
            **props.job_time.to_request(props.algorithm, checkpoint_uri),
            "EnableNetworkIsolation": True,
            **props.jobs.network.of_training(),
            **({"RetryStrategy": {"MaximumRetryAttempts": attempts}} if attempts else {}),
        }

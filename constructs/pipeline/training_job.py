"""Training job of the Neural Topic Model."""

from collections.abc import Mapping
from dataclasses import dataclass

from aws_cdk import aws_iam

from constructs import Construct
from constructs.common.sagemaker_role import SageMakerJobRole
from constructs.definition.expressions import Json, as_text
from constructs.definition.steps import TrainingStep
from constructs.pipeline.algorithm import NtmAlgorithm
from constructs.pipeline.channels import channels
from constructs.pipeline.job_volume import job_volume
from constructs.pipeline.jobs import JobSettings, grant_jobs
from constructs.pipeline.spot import JobTime


@dataclass(frozen=True, kw_only=True)
class NtmTrainingProps:
    """Properties of the training job.

    Attributes:
        algorithm: Training algorithm.
        jobs: Settings shared by all jobs.
        instance_type: Instance type, for example ``ml.g5.xlarge``.
        instance_count: Number of hosts.
        volume_gb: Size of each host's volume.
        time: Time limits.
        hyperparameters: Fixed hyperparameters, without ``feature_dim``, ``num_topics`` and tuned ones.
    """

    algorithm: NtmAlgorithm
    jobs: JobSettings
    instance_type: str
    instance_count: int
    volume_gb: int
    time: JobTime
    hyperparameters: Mapping[str, str]


class NtmTraining(Construct):
    """Execution role and pipeline step of the training job.

    Attributes:
        role: Execution role. It must be allowed to read bags of words, to write models and checkpoints and to pull the
            image.
        keeps_checkpoints: Whether jobs write checkpoints.
    """

    def __init__(self, scope: Construct, id: str, props: NtmTrainingProps) -> None:
        super().__init__(scope, id)
        self._props = props
        self.keeps_checkpoints = props.time.keeps_checkpoints(props.algorithm)
        self.role = SageMakerJobRole(
            self,
            "Role",
            description="Execution role of training jobs",
            log_group="/aws/sagemaker/TrainingJobs",
            metrics="/aws/sagemaker/TrainingJobs",
        )
        props.jobs.network.grant_connect(self.role)
        self._volume = job_volume(
            self.role, key=props.jobs.key, instance_type=props.instance_type, volume_gb=props.volume_gb
        )

    def step(
        self,
        *,
        inputs: Mapping[str, Json],
        feature_dim: Json,
        num_topics: Json,
        tuned: Mapping[str, Json],
        output_uri: Json,
        checkpoint_uri: Json,
    ) -> TrainingStep:
        """Return the step that trains a model.

        Args:
            inputs: S3 prefixes by channel name.
            feature_dim: Size of the vocabulary.
            num_topics: Number of topics.
            tuned: Tuned hyperparameters.
            output_uri: S3 prefix for the model.
            checkpoint_uri: S3 prefix for checkpoints.
        """
        props = self._props
        metrics = props.algorithm.metric_definitions
        arguments: dict[str, Json] = {
            "AlgorithmSpecification": {
                "TrainingImage": props.algorithm.training_image,
                "TrainingInputMode": "File",
                **({"MetricDefinitions": metrics} if metrics else {}),
            },
            "HyperParameters": {
                "feature_dim": as_text(feature_dim),
                "num_topics": as_text(num_topics),
                **props.hyperparameters,
                **{name: as_text(value) for name, value in tuned.items()},
            },
            "InputDataConfig": channels(inputs, sharded=props.instance_count > 1),
            "OutputDataConfig": {"S3OutputPath": output_uri, "KmsKeyId": props.jobs.key.key_arn},
            "ResourceConfig": {
                "InstanceCount": props.instance_count,
                "InstanceType": props.instance_type,
                **self._volume,
            },
            "RoleArn": self.role.role_arn,
            **props.time.to_request(props.algorithm, checkpoint_uri),
            "EnableNetworkIsolation": True,
            **props.jobs.network.of_training(),
            "ProfilerConfig": {"DisableProfiler": True},
            "Tags": props.jobs.run_tags,
        }
        return TrainingStep(name="Train", arguments=arguments, retries=props.jobs.retries)

    def grant_run(self, grantee: aws_iam.IGrantable) -> None:
        """Allow a pipeline's role to run the jobs and pass the execution role."""
        actions = ["CreateTrainingJob", "DescribeTrainingJob", "StopTrainingJob"]
        grant_jobs(
            grantee,
            self,
            resource="training-job",
            actions=[f"sagemaker:{action}" for action in actions],
            role=self.role,
        )

"""The training job of the Neural Topic Model."""

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
    """What a training job needs.

    Attributes:
        algorithm: what trains.
        jobs: what all jobs have in common.
        instance_type: for example ``ml.g5.xlarge``.
        instance_count: the number of hosts that train one model.
        volume_gb: size of each host's volume.
        time: that a job has.
        hyperparameters: NTM's, but for ``feature_dim``, ``num_topics`` and what was tuned, which a run gives.
    """

    algorithm: NtmAlgorithm
    jobs: JobSettings
    instance_type: str
    instance_count: int
    volume_gb: int
    time: JobTime
    hyperparameters: Mapping[str, str]


class NtmTraining(Construct):
    """The job's role, and the pipeline's step that runs the job.

    Attributes:
        role: the job's role; it needs to read bags of words, to write models and checkpoints and to pull the image.
        keeps_checkpoints: whether jobs write checkpoints.
    """

    def __init__(self, scope: Construct, id: str, props: NtmTrainingProps) -> None:
        super().__init__(scope, id)
        self._props = props
        self.keeps_checkpoints = props.time.keeps_checkpoints(props.algorithm)
        self.role = SageMakerJobRole(
            self,
            "Role",
            description="Trains topic models",
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
        """Return the step that trains one model.

        Args:
            inputs: S3 prefixes by the names of NTM's channels.
            feature_dim: the size of the vocabulary.
            num_topics: the number of topics.
            tuned: the hyperparameters that were tuned.
            output_uri: S3 prefix under which the model is put.
            checkpoint_uri: S3 prefix of the checkpoints, where there are any.
        """
        props = self._props
        metrics = props.algorithm.metric_definitions
        arguments: dict[str, Json] = {
            "AlgorithmSpecification": {
                "TrainingImage": props.algorithm.image,
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
        """Let the grantee, a pipeline's role, run and follow its jobs and hand them the job's role."""
        actions = ["CreateTrainingJob", "DescribeTrainingJob", "StopTrainingJob"]
        grant_jobs(
            grantee,
            self,
            resource="training-job",
            actions=[f"sagemaker:{action}" for action in actions],
            role=self.role,
        )

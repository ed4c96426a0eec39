"""The training job of the Neural Topic Model."""

from collections.abc import Mapping
from dataclasses import dataclass

from aws_cdk import Duration, Stack, aws_iam, aws_kms

from constructs import Construct
from constructs.grants import grant
from constructs.instance_types import has_local_storage
from constructs.ntm_image import NtmImage
from constructs.pipeline_steps import Json, TrainingStep, as_text
from constructs.sagemaker_role import SageMakerJobRole

METRICS = {
    "train:total_loss": "train total_loss <loss>",
    "validation:total_loss": "validation total_loss <loss>",
    "validation:npmi": "validation npmi <score>",
    "validation:tu": "validation tu <score>",
    "validation:npmi_tu": "validation npmi_tu <score>",
}
"""The metrics that SageMaker takes from the job's log, and how the log names them."""


@dataclass(frozen=True, kw_only=True)
class NtmTrainingProps:
    """What a training job needs.

    Attributes:
        image: the container image.
        key: encrypts the model and, where the instance allows it, the volume.
        instance_type: for example ``ml.g5.xlarge``.
        volume_gb: size of the volume.
        max_runtime: after which the job is stopped.
        hyperparameters: NTM's, but for ``feature_dim`` and ``num_topics``, which a run gives.
    """

    image: NtmImage
    key: aws_kms.IKey
    instance_type: str
    volume_gb: int
    max_runtime: Duration
    hyperparameters: Mapping[str, str]


class NtmTraining(Construct):
    """The job's role, and the pipeline's step that runs the job.

    Attributes:
        role: the job's role; it needs to read bags of words, to write models and to pull the image.
    """

    def __init__(self, scope: Construct, id: str, props: NtmTrainingProps) -> None:
        super().__init__(scope, id)
        self._props = props
        self.role = SageMakerJobRole(
            self,
            "Role",
            description="Trains topic models",
            log_group="/aws/sagemaker/TrainingJobs",
            metrics="/aws/sagemaker/TrainingJobs",
        )
        self._volume = self._build_volume()

    def step(
        self, *, channels: Mapping[str, Json], feature_dim: Json, num_topics: Json, output_uri: Json
    ) -> TrainingStep:
        """Return the step that trains one model.

        Args:
            channels: S3 prefixes by the names of NTM's channels.
            feature_dim: the size of the vocabulary.
            num_topics: the number of topics.
            output_uri: S3 prefix under which the model is put.
        """
        props = self._props
        return TrainingStep(
            name="Train",
            arguments={
                "AlgorithmSpecification": {
                    "TrainingImage": props.image.uri,
                    "TrainingInputMode": "File",
                    "MetricDefinitions": [
                        {"Name": name, "Regex": rf"#quality_metric: host=\S+, epoch=\S+, {logged}=(\S+)"}
                        for name, logged in METRICS.items()
                    ],
                },
                "HyperParameters": {
                    "feature_dim": as_text(feature_dim),
                    "num_topics": as_text(num_topics),
                    **props.hyperparameters,
                },
                "InputDataConfig": [_channel(name, uri) for name, uri in channels.items()],
                "OutputDataConfig": {"S3OutputPath": output_uri, "KmsKeyId": props.key.key_arn},
                "ResourceConfig": {"InstanceCount": 1, "InstanceType": props.instance_type, **self._volume},
                "RoleArn": self.role.role_arn,
                "StoppingCondition": {"MaxRuntimeInSeconds": props.max_runtime.to_seconds()},
                "EnableNetworkIsolation": True,
            },
        )

    def grant_run(self, grantee: aws_iam.IGrantable) -> None:
        """Let the grantee, a pipeline's role, run and follow its jobs and hand them the job's role."""
        jobs = Stack.of(self).format_arn(service="sagemaker", resource="training-job", resource_name="pipelines-*")
        grant(
            grantee,
            actions=[
                "sagemaker:AddTags",
                "sagemaker:CreateTrainingJob",
                "sagemaker:DescribeTrainingJob",
                "sagemaker:StopTrainingJob",
            ],
            resources=[jobs],
            wildcard="A pipeline makes the names of its jobs, each with this prefix.",
        )
        grant(
            grantee,
            actions=["iam:PassRole"],
            resources=[self.role.role_arn],
            conditions={"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}},
        )

    def _build_volume(self) -> Mapping[str, Json]:
        volume = {"VolumeSizeInGB": self._props.volume_gb}
        if has_local_storage(self._props.instance_type):
            return volume
        self._props.key.grant(self.role, "kms:CreateGrant", "kms:DescribeKey")
        return {**volume, "VolumeKmsKeyId": self._props.key.key_arn}


def _channel(name: str, uri: Json) -> Json:
    source = {"S3DataType": "S3Prefix", "S3Uri": uri, "S3DataDistributionType": "FullyReplicated"}
    return {"ChannelName": name, "ContentType": _content_type(name), "DataSource": {"S3DataSource": source}}


def _content_type(channel: str) -> str:
    return "text/plain" if channel == "auxiliary" else "application/x-recordio-protobuf"

"""Batch transform: the topics of many documents."""

from dataclasses import dataclass

from aws_cdk import aws_iam

from constructs import Construct
from constructs.common.sagemaker_role import SageMakerJobRole
from constructs.definition.expressions import Json
from constructs.definition.steps import CreateModelStep, TransformStep
from constructs.pipeline.algorithm import NtmAlgorithm
from constructs.pipeline.job_volume import volume_key
from constructs.pipeline.jobs import JobSettings, grant_jobs

_JSON_LINES = "application/jsonlines"


@dataclass(frozen=True, kw_only=True)
class TopicVectorizationProps:
    """What transform jobs need.

    Attributes:
        algorithm: what serves.
        jobs: what all jobs have in common.
        instance_type: for example ``ml.m5.large``.
        instance_count: the number of hosts.
        max_payload_mb: the size of a request to a host.
        max_concurrent: requests to a host at one time; 0 for as many as SageMaker thinks right.
    """

    algorithm: NtmAlgorithm
    jobs: JobSettings
    instance_type: str
    instance_count: int
    max_payload_mb: int
    max_concurrent: int


class TopicVectorization(Construct):
    """The model's role, and the pipeline's steps that make the model and have it read documents.

    Attributes:
        role: the model's role; it needs to read bags of words and models, to write vectors and to pull the image.
    """

    def __init__(self, scope: Construct, id: str, props: TopicVectorizationProps) -> None:
        super().__init__(scope, id)
        self._props = props
        self.role = SageMakerJobRole(
            self,
            "Role",
            description="Finds the topics of documents",
            log_group="/aws/sagemaker/TransformJobs",
            metrics="/aws/sagemaker/TransformJobs",
        )
        props.jobs.network.grant_connect(self.role)
        self._volume_key = volume_key(self.role, key=props.jobs.key, instance_type=props.instance_type)

    def model_step(self, *, model_data: Json) -> CreateModelStep:
        """Return the step that makes a model of a ``model.tar.gz``."""
        return CreateModelStep(
            name="CreateModel",
            arguments={
                "PrimaryContainer": {"Image": self._props.algorithm.image, "ModelDataUrl": model_data},
                "ExecutionRoleArn": self.role.role_arn,
                "EnableNetworkIsolation": True,
                **self._props.jobs.network.of_model(),
                "Tags": self._props.jobs.run_tags,
            },
        )

    def step(self, name: str, *, model: CreateModelStep, documents_uri: Json, output_uri: Json) -> TransformStep:
        """Return a step that writes the topic weights of documents beside their ids.

        Args:
            name: the step's name.
            model: what reads them.
            documents_uri: S3 prefix of JSON Lines, each with ``id`` and ``instance``, a document as NTM takes it.
            output_uri: S3 prefix of JSON Lines, each with ``id`` and ``SageMakerOutput``.
        """
        props = self._props
        return TransformStep(
            name=name,
            arguments={
                "ModelName": model.model_name,
                "MaxConcurrentTransforms": props.max_concurrent,
                "MaxPayloadInMB": props.max_payload_mb,
                "BatchStrategy": "MultiRecord",
                "TransformInput": {
                    "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": documents_uri}},
                    "ContentType": _JSON_LINES,
                    "SplitType": "Line",
                },
                "TransformOutput": {
                    "S3OutputPath": output_uri,
                    "Accept": _JSON_LINES,
                    "AssembleWith": "Line",
                    "KmsKeyId": props.jobs.key.key_arn,
                },
                "TransformResources": {
                    "InstanceCount": props.instance_count,
                    "InstanceType": props.instance_type,
                    **self._volume_key,
                },
                "DataProcessing": {
                    "InputFilter": "$.instance",
                    "JoinSource": "Input",
                    "OutputFilter": "$['id','SageMakerOutput']",
                },
                "Tags": props.jobs.run_tags,
            },
            retries=props.jobs.retries,
        )

    def grant_run(self, grantee: aws_iam.IGrantable) -> None:
        """Let the grantee, a pipeline's role, make its models, run and follow its jobs and hand them the role."""
        grant_jobs(grantee, self, resource="model", actions=["sagemaker:CreateModel"], role=self.role)
        actions = ["CreateTransformJob", "DescribeTransformJob", "StopTransformJob"]
        grant_jobs(
            grantee,
            self,
            resource="transform-job",
            actions=[f"sagemaker:{action}" for action in actions],
            role=self.role,
        )

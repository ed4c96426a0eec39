"""Batch transform jobs that predict the topics of documents."""

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
class TopicTransformProps:
    """Properties of the transform jobs.

    Attributes:
        algorithm: Algorithm of the model.
        jobs: Settings shared by all jobs.
        instance_type: Instance type, for example ``ml.m5.large``.
        instance_count: Number of instances.
        max_payload_mb: Maximum size of a request to the model.
        max_concurrent: Maximum number of concurrent requests per instance; 0 lets SageMaker choose.
    """

    algorithm: NtmAlgorithm
    jobs: JobSettings
    instance_type: str
    instance_count: int
    max_payload_mb: int
    max_concurrent: int


class TopicTransform(Construct):
    """Execution role and pipeline steps for creating a model and transforming documents.

    Attributes:
        role: Execution role of the model. It must be allowed to read bags of words and models, to write topic weights
            and to pull the image.
    """

    def __init__(self, scope: Construct, id: str, props: TopicTransformProps) -> None:
        super().__init__(scope, id)
        self._props = props
        self.role = SageMakerJobRole(
            self,
            "Role",
            description="Execution role of batch transform jobs",
            log_group="/aws/sagemaker/TransformJobs",
            metrics="/aws/sagemaker/TransformJobs",
        )
        props.jobs.network.grant_connect(self.role)
        self._volume_key = volume_key(self.role, key=props.jobs.key, instance_type=props.instance_type)

    def model_step(self, *, model_data: Json) -> CreateModelStep:
        """Return the step that creates a model from a ``model.tar.gz``."""
        return CreateModelStep(
            name="CreateModel",
            arguments={
                "PrimaryContainer": {"Image": self._props.algorithm.serving_image, "ModelDataUrl": model_data},
                "ExecutionRoleArn": self.role.role_arn,
                "EnableNetworkIsolation": True,
                **self._props.jobs.network.of_model(),
                "Tags": self._props.jobs.run_tags,
            },
        )

    def step(self, name: str, *, model: CreateModelStep, documents_uri: Json, output_uri: Json) -> TransformStep:
        """Return a step that writes the IDs and topic weights of documents.

        Args:
            name: Name of the step.
            model: Step that creates the model.
            documents_uri: S3 prefix of JSON Lines with ``id`` and ``instance``, a document in NTM's input format.
            output_uri: S3 prefix of JSON Lines with ``id`` and ``SageMakerOutput``.
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
        """Allow a pipeline's role to create the models, run the jobs and pass the execution role."""
        # A pipeline looks at the model that it created:
        # https://docs.aws.amazon.com/sagemaker/latest/dg/build-and-manage-access.html.
        models = ["sagemaker:CreateModel", "sagemaker:DescribeModel"]
        grant_jobs(grantee, self, resource="model", actions=models, role=self.role)
        actions = ["CreateTransformJob", "DescribeTransformJob", "StopTransformJob"]
        grant_jobs(
            grantee,
            self,
            resource="transform-job",
            actions=[f"sagemaker:{action}" for action in actions],
            role=self.role,
        )

"""Processing job that evaluates a model."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aws_cdk import Duration, Stack, aws_iam

from constructs import Construct
from constructs.common.grants import grant
from constructs.common.sagemaker_role import SageMakerJobRole
from constructs.definition.expressions import EXECUTION_ARN, Json
from constructs.definition.steps import ProcessingStep, PropertyFile
from constructs.pipeline.job_volume import job_volume
from constructs.pipeline.jobs import JobSettings, grant_jobs
from constructs.pipeline.ntm_image import NtmImage
from constructs.pipeline.quality_gate import QualityGate

EVALUATION = PropertyFile(name="Evaluation", output="evaluation", path="evaluation.json")
"""Machine-readable result, for the gate and the registry."""
REPORT = "report.html"
"""Report for people, in the same folder."""

_VARIABLES = {"NumTopics": "NUM_TOPICS", "TrainingJob": "TRAINING_JOB", "TuningJob": "TUNING_JOB"}
_INPUTS = "/opt/ml/processing/input"


@dataclass(frozen=True, kw_only=True)
class TopicEvaluationProps:
    """Properties of the evaluation job.

    Attributes:
        image: Project's serving image, which contains the evaluation, regardless of the training algorithm.
        jobs: Settings shared by all jobs.
        environment: Name of the environment, for the report.
        algorithm: Name of the training algorithm, as in ``environments/*.yaml``.
        gate: Thresholds, which the report explains.
        instance_type: Instance type, for example ``ml.m5.xlarge``.
        volume_gb: Size of the volume.
        max_runtime: Time limit.
        baseline_iterations: Number of training iterations of the LDA baseline.
        map_documents: Number of documents on the report's map.
        quote_documents: Whether the report quotes documents.
        word_vectors: S3 URI of word vectors for the metric WETC, if any.
        shows_trials: Whether the report shows a tuning job's trials, which requires access to the SageMaker API.
    """

    image: NtmImage
    jobs: JobSettings
    environment: str
    algorithm: str
    gate: QualityGate
    instance_type: str
    volume_gb: int
    max_runtime: Duration
    baseline_iterations: int
    map_documents: int
    quote_documents: bool
    word_vectors: str | None
    shows_trials: bool


class TopicEvaluation(Construct):
    """Execution role and pipeline step of the evaluation job.

    Attributes:
        role: Execution role. It must be allowed to read bags of words, models and scores, to write evaluations and to
            pull the image.
    """

    def __init__(self, scope: Construct, id: str, props: TopicEvaluationProps) -> None:
        super().__init__(scope, id)
        self._props = props
        self.role = SageMakerJobRole(
            self,
            "Role",
            description="Execution role of evaluation jobs",
            log_group="/aws/sagemaker/ProcessingJobs",
            metrics="/aws/sagemaker/ProcessingJobs",
        )
        props.jobs.network.grant_connect(self.role)
        self._volume = job_volume(
            self.role, key=props.jobs.key, instance_type=props.instance_type, volume_gb=props.volume_gb
        )
        if props.shows_trials:
            self._grant_read_jobs()

    def step(self, *, inputs: Mapping[str, Json], facts: Mapping[str, Json], output_uri: Json) -> ProcessingStep:
        """Return the step that evaluates a model.

        Args:
            inputs: S3 prefixes of the inputs by folder name.
            facts: Facts for the report by name: ``NumTopics``, ``TrainingJob`` and ``TuningJob``.
            output_uri: S3 prefix for ``evaluation.json`` and the report.
        """
        props = self._props
        vectors = {"vectors": props.word_vectors} if props.word_vectors else {}
        return ProcessingStep(
            name="Evaluate",
            arguments={
                "ProcessingResources": {
                    "ClusterConfig": {"InstanceCount": 1, "InstanceType": props.instance_type, **self._volume}
                },
                "AppSpecification": {
                    "ImageUri": props.image.uri,
                    "ContainerEntrypoint": ["/opt/program/evaluate"],
                    "ContainerArguments": self._arguments(),
                },
                "RoleArn": self.role.role_arn,
                "ProcessingInputs": [_input(name, uri) for name, uri in {**inputs, **vectors}.items()],
                "ProcessingOutputConfig": {"Outputs": [_output(output_uri)], "KmsKeyId": props.jobs.key.key_arn},
                "Environment": {
                    "EXECUTION_ARN": EXECUTION_ARN,
                    **{variable: facts[name] for name, variable in _VARIABLES.items() if name in facts},
                },
                **props.jobs.network.of_processing(isolated=not props.shows_trials),
                "StoppingCondition": {"MaxRuntimeInSeconds": props.max_runtime.to_seconds()},
                "Tags": props.jobs.run_tags,
            },
            property_files=[EVALUATION],
            retries=props.jobs.retries,
        )

    def grant_run(self, grantee: aws_iam.IGrantable) -> None:
        """Allow a pipeline's role to run the jobs and pass the execution role."""
        actions = ["CreateProcessingJob", "DescribeProcessingJob", "StopProcessingJob"]
        grant_jobs(
            grantee,
            self,
            resource="processing-job",
            actions=[f"sagemaker:{action}" for action in actions],
            role=self.role,
        )

    def _arguments(self) -> Sequence[str]:
        """Return the environment's settings; values of the run are passed as environment variables."""
        props = self._props
        return [
            "--environment",
            props.environment,
            "--algorithm",
            props.algorithm,
            "--baseline-iterations",
            str(props.baseline_iterations),
            "--map-documents",
            str(props.map_documents),
            "--quote-documents",
            str(props.quote_documents).lower(),
            *props.gate.arguments(),
        ]

    def _grant_read_jobs(self) -> None:
        """Allow reading the trials of a tuning job for the report."""
        jobs = Stack.of(self).format_arn(service="sagemaker", resource="hyper-parameter-tuning-job", resource_name="*")
        grant(
            self.role,
            actions=["sagemaker:ListTrainingJobsForHyperParameterTuningJob"],
            resources=[jobs],
            wildcard="A pipeline makes the names of its tuning jobs.",
        )


def _input(name: str, uri: Json) -> Json:
    return {
        "InputName": name,
        "AppManaged": False,
        "S3Input": {
            "S3Uri": uri,
            "LocalPath": f"{_INPUTS}/{name}",
            "S3DataType": "S3Prefix",
            "S3InputMode": "File",
            "S3DataDistributionType": "FullyReplicated",
            "S3CompressionType": "None",
        },
    }


def _output(uri: Json) -> Json:
    return {
        "OutputName": EVALUATION.output,
        "AppManaged": False,
        "S3Output": {"S3Uri": uri, "LocalPath": "/opt/ml/processing/output", "S3UploadMode": "EndOfJob"},
    }

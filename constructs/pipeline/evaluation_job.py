"""The processing job that says how good a model is."""

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
"""What the job found, for the gate and the registry."""
REPORT = "report.html"
"""The same for people, beside it."""

_VARIABLES = {"NumTopics": "NUM_TOPICS", "TrainingJob": "TRAINING_JOB", "TuningJob": "TUNING_JOB"}
_INPUTS = "/opt/ml/processing/input"


@dataclass(frozen=True, kw_only=True)
class TopicEvaluationProps:
    """What the job needs.

    Attributes:
        image: our container image, whatever trains: it has the evaluation.
        jobs: what all jobs have in common.
        environment: the environment's name, for the report.
        algorithm: what trains, as ``environments/*.yaml`` calls it.
        gate: the thresholds, of which the job says how the model stands to them.
        instance_type: for example ``ml.m5.xlarge``.
        volume_gb: size of the volume.
        max_runtime: after which the job is stopped.
        baseline_iterations: how long the baseline is trained.
        map_documents: the number of documents on the report's map.
        quote_documents: whether the report shows texts of documents.
        word_vectors: S3 URI of word vectors for one more metric; None without.
        shows_trials: whether the report shows the training jobs of a tuning job, for which SageMaker is asked.
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
    """The job's role, and the pipeline's step that runs the job.

    Attributes:
        role: the job's role; it needs to read bags of words, models and scores, to write evaluations and to pull the
            image.
    """

    def __init__(self, scope: Construct, id: str, props: TopicEvaluationProps) -> None:
        super().__init__(scope, id)
        self._props = props
        self.role = SageMakerJobRole(
            self,
            "Role",
            description="Evaluates topic models",
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
        """Return the step that evaluates one model.

        Args:
            inputs: S3 prefixes of what is read, by the names of its folders.
            facts: what the report says about the run, by name; there are ``NumTopics``, ``TrainingJob``, ``TuningJob``.
            output_uri: S3 prefix under which ``evaluation.json`` and the report are put.
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
        """Let the grantee, a pipeline's role, run and follow its jobs and hand them the job's role."""
        actions = ["CreateProcessingJob", "DescribeProcessingJob", "StopProcessingJob"]
        grant_jobs(
            grantee,
            self,
            resource="processing-job",
            actions=[f"sagemaker:{action}" for action in actions],
            role=self.role,
        )

    def _arguments(self) -> Sequence[str]:
        """Return what the environment says; what the run says comes as variables."""
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
        """The report shows the tuning's training jobs; the evaluation asks SageMaker for them."""
        stack = Stack.of(self)
        resources = [
            stack.format_arn(service="sagemaker", resource=resource, resource_name="*")
            for resource in ("hyper-parameter-tuning-job", "training-job")
        ]
        grant(
            self.role,
            actions=["sagemaker:DescribeTrainingJob", "sagemaker:ListTrainingJobsForHyperParameterTuningJob"],
            resources=resources,
            wildcard="A pipeline makes the names of its tuning jobs, and those the names of their training jobs.",
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

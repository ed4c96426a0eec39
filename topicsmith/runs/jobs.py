"""SageMaker jobs of a run's steps, and their logs."""

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_logs import CloudWatchLogsClient
    from mypy_boto3_sagemaker.type_defs import PipelineExecutionStepMetadataTypeDef


class JobKind(Enum):
    """Kind of SageMaker job."""

    TUNING = "tuning"
    TRAINING = "training"
    PROCESSING = "processing"
    TRANSFORM = "transform"


_LOG_GROUPS = {
    # A tuning job has no log of its own: its trials are training jobs.
    JobKind.TUNING: "/aws/sagemaker/TrainingJobs",
    JobKind.TRAINING: "/aws/sagemaker/TrainingJobs",
    JobKind.PROCESSING: "/aws/sagemaker/ProcessingJobs",
    JobKind.TRANSFORM: "/aws/sagemaker/TransformJobs",
}


@dataclass(frozen=True)
class Job:
    """SageMaker job."""

    kind: JobKind
    name: str

    @property
    def log_group(self) -> str:
        """CloudWatch log group of the job."""
        return _LOG_GROUPS[self.kind]

    @property
    def log_prefix(self) -> str:
        """Prefix of the names of its log streams."""
        return f"{self.name}-" if self.kind is JobKind.TUNING else f"{self.name}/"

    @property
    def log(self) -> str:
        """Description of the log group and streams, for messages."""
        return f"{self.log_group}, streams {self.log_prefix}*"

    def record(self) -> dict[str, str]:
        """Return the job as ``--json`` prints it."""
        return {"kind": self.kind.value, "name": self.name, "log_group": self.log_group, "log_prefix": self.log_prefix}


def of_step(metadata: "PipelineExecutionStepMetadataTypeDef") -> Job | None:
    """Return the job that a step started, from the step's metadata."""
    match metadata:
        case {"TuningJob": {"Arn": arn}}:
            kind = JobKind.TUNING
        case {"TrainingJob": {"Arn": arn}}:
            kind = JobKind.TRAINING
        case {"ProcessingJob": {"Arn": arn}}:
            kind = JobKind.PROCESSING
        case {"TransformJob": {"Arn": arn}}:
            kind = JobKind.TRANSFORM
        case _:
            return None
    return Job(kind, arn.rpartition("/")[2])


def last_lines(logs: "CloudWatchLogsClient", job: Job, count: int) -> list[str]:
    """Return the last ``count`` lines of a job's log; none if it cannot be read."""
    from botocore.exceptions import ClientError

    try:
        streams = logs.describe_log_streams(logGroupName=job.log_group, logStreamNamePrefix=job.log_prefix)
        names = [stream["logStreamName"] for stream in streams["logStreams"] if "logStreamName" in stream]
        if not names:
            return []
        events = logs.get_log_events(logGroupName=job.log_group, logStreamName=names[0], limit=count)["events"]
    except ClientError:
        # The lines only supplement the reason of a failure.
        return []
    return [event["message"].rstrip() for event in events if "message" in event]

"""Time limits of training jobs, including managed spot training."""

from dataclasses import dataclass

from aws_cdk import Duration

from constructs.definition.expressions import Json
from constructs.pipeline.algorithm import NtmAlgorithm


@dataclass(frozen=True, kw_only=True)
class JobTime:
    """Time limits of a training job.

    Attributes:
        max_runtime: Maximum runtime.
        max_spot_wait: Maximum total time of a spot job, including interruptions; None for on-demand instances.
    """

    max_runtime: Duration
    max_spot_wait: Duration | None

    def keeps_checkpoints(self, algorithm: NtmAlgorithm) -> bool:
        """Return whether the job writes checkpoints because it may be interrupted."""
        return self.max_spot_wait is not None and algorithm.writes_checkpoints

    def to_request(self, algorithm: NtmAlgorithm, checkpoint_uri: Json) -> dict[str, Json]:
        """Return the time limits and checkpoint settings of a training job's request.

        Args:
            algorithm: Training algorithm.
            checkpoint_uri: S3 prefix for checkpoints.
        """
        condition: dict[str, Json] = {"MaxRuntimeInSeconds": self.max_runtime.to_seconds()}
        request: dict[str, Json] = {"StoppingCondition": condition}
        if self.max_spot_wait is not None:
            condition["MaxWaitTimeInSeconds"] = self.max_spot_wait.to_seconds()
            request["EnableManagedSpotTraining"] = True
        if self.keeps_checkpoints(algorithm):
            request["CheckpointConfig"] = {"S3Uri": checkpoint_uri}
        return request

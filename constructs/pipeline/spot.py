"""How long a training job may run, and how long it may wait for spare capacity (managed spot training)."""

from dataclasses import dataclass

from aws_cdk import Duration

from constructs.definition.expressions import Json
from constructs.pipeline.algorithm import NtmAlgorithm


@dataclass(frozen=True, kw_only=True)
class JobTime:
    """The time that a training job has.

    Attributes:
        max_runtime: after which the job is stopped.
        max_spot_wait: after which a job on spare capacity is stopped, its interruptions included; None for capacity of
            its own.
    """

    max_runtime: Duration
    max_spot_wait: Duration | None

    def keeps_checkpoints(self, algorithm: NtmAlgorithm) -> bool:
        """Whether a job writes down where it is, because it may be interrupted."""
        return self.max_spot_wait is not None and algorithm.writes_checkpoints

    def to_request(self, algorithm: NtmAlgorithm, checkpoint_uri: Json) -> dict[str, Json]:
        """Return the members of a training job's request that say so.

        Args:
            algorithm: what trains.
            checkpoint_uri: S3 prefix of the checkpoints, where there are any.
        """
        condition: dict[str, Json] = {"MaxRuntimeInSeconds": self.max_runtime.to_seconds()}
        request: dict[str, Json] = {"StoppingCondition": condition}
        if self.max_spot_wait is not None:
            condition["MaxWaitTimeInSeconds"] = self.max_spot_wait.to_seconds()
            request["EnableManagedSpotTraining"] = True
        if self.keeps_checkpoints(algorithm):
            request["CheckpointConfig"] = {"S3Uri": checkpoint_uri}
        return request

"""The network of an environment's jobs, and of the models that they make."""

from collections.abc import Mapping
from dataclasses import dataclass

from aws_cdk import aws_iam

from constructs.definition.expressions import Json
from constructs.network.placement import NetworkPlacement


@dataclass(frozen=True, kw_only=True)
class JobNetwork:
    """What jobs' requests say about the network beside isolation.

    Attributes:
        placement: where the jobs are; None for SageMaker's own network.
        encrypt_inter_container_traffic: whether the hosts of one job encrypt what they tell each other.
    """

    placement: NetworkPlacement | None = None
    encrypt_inter_container_traffic: bool = False

    def of_training(self) -> Mapping[str, Json]:
        """Return members of the request of a training job, or of its definition in one of a tuning job."""
        return {**self.of_model(), **self._encryption()}

    def of_model(self) -> Mapping[str, Json]:
        """Return members of the request of a model."""
        return {"VpcConfig": self.placement.to_request()} if self.placement else {}

    def of_processing(self, *, isolated: bool) -> Mapping[str, Json]:
        """Return members of the request of a processing job.

        Args:
            isolated: whether its container calls nobody.
        """
        isolation: Mapping[str, Json] = {"EnableNetworkIsolation": True} if isolated else {}
        config = {**isolation, **self.of_training()}
        return {"NetworkConfig": config} if config else {}

    def grant_connect(self, role: aws_iam.Role) -> None:
        """Let SageMaker connect what runs as the role."""
        if self.placement:
            self.placement.grant_sagemaker(role)

    def _encryption(self) -> Mapping[str, Json]:
        return {"EnableInterContainerTrafficEncryption": True} if self.encrypt_inter_container_traffic else {}

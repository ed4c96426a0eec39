"""Network settings of jobs and models."""

from collections.abc import Mapping
from dataclasses import dataclass

from aws_cdk import aws_iam

from constructs.definition.expressions import Json
from constructs.network.placement import NetworkPlacement


@dataclass(frozen=True, kw_only=True)
class JobNetwork:
    """Network settings of jobs, except network isolation.

    Attributes:
        placement: VPC placement; None for SageMaker's own network.
        encrypt_inter_container_traffic: Whether the hosts of a job encrypt their traffic.
    """

    placement: NetworkPlacement | None = None
    encrypt_inter_container_traffic: bool = False

    def of_training(self) -> Mapping[str, Json]:
        """Return the network members of a training job's request or of a tuning job's training definition."""
        return {**self.of_model(), **self._encryption()}

    def of_model(self) -> Mapping[str, Json]:
        """Return the network members of a model's request."""
        return {"VpcConfig": self.placement.to_request()} if self.placement else {}

    def of_processing(self, *, isolated: bool) -> Mapping[str, Json]:
        """Return the network members of a processing job's request.

        Args:
            isolated: Whether to enable network isolation.
        """
        isolation: Mapping[str, Json] = {"EnableNetworkIsolation": True} if isolated else {}
        config = {**isolation, **self.of_training()}
        return {"NetworkConfig": config} if config else {}

    def grant_connect(self, role: aws_iam.Role) -> None:
        """Allow SageMaker to connect jobs and models with this role to the VPC."""
        if self.placement:
            self.placement.grant_sagemaker(role)

    def _encryption(self) -> Mapping[str, Json]:
        return {"EnableInterContainerTrafficEncryption": True} if self.encrypt_inter_container_traffic else {}

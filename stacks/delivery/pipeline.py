"""Stack of the delivery pipeline."""

import json
from collections.abc import Mapping
from pathlib import Path

from aws_cdk import Aws, Environment, Stack

from constructs import Construct
from constructs.delivery.pipeline import DeliveryPipeline, DeliveryPipelineProps, Destination
from stacks.config.delivery import CodePipelineConfig, DeliveryConfig
from stacks.config.environment import EnvironmentConfig

_PACKAGES = Path(__file__).parents[2] / "package.json"


class DeliveryPipelineStack(Stack):
    """Delivery pipeline, in the account and region of the connection to the repository."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        delivery: DeliveryConfig,
        codepipeline: CodePipelineConfig,
        environments: Mapping[str, EnvironmentConfig],
    ) -> None:
        """Create the pipeline.

        Args:
            scope: Parent construct.
            id: Construct ID.
            delivery: Configuration of delivery.
            codepipeline: Settings of CodePipeline.
            environments: Environments by name, each with an account.
        """
        super().__init__(
            scope,
            id,
            stack_name="topicsmith-delivery",
            description="Topicsmith: delivery pipeline that deploys each commit to the environments",
            env=Environment(account=codepipeline.account, region=codepipeline.region),
            termination_protection=True,
        )
        # CDK adds an explicit dependency of the pipeline on its role, which the reference already implies.
        self.template_options.metadata = {"cfn-lint": {"config": {"ignore_checks": ["W3005"]}}}
        DeliveryPipeline(
            self,
            "Delivery",
            DeliveryPipelineProps(
                repository=delivery.repository,
                branch=delivery.branch,
                connection_arn=codepipeline.connection,
                destinations=[_destination(name, environments[name]) for name in delivery.environments],
                approvers=codepipeline.approvers,
                # The newest CLI is not always the newest compatible one; see docs/decisions.md, 5.
                cli_version=json.loads(_PACKAGES.read_text())["devDependencies"]["aws-cdk"],
            ),
        )


def _destination(name: str, config: EnvironmentConfig) -> Destination:
    return Destination(
        environment=name,
        account=config.account or Aws.ACCOUNT_ID,
        region=config.region,
        needs_approval=config.production,
    )

"""The CDK app: one stage for each file in ``environments/``, and what delivers them where ``delivery.yaml`` says so."""

import sys
from pathlib import Path

from aws_cdk import App, Validations
from cdk_nag import AwsSolutionsChecks

from stacks.config.delivery_loader import load_delivery
from stacks.config.loader import ConfigError, load_environments
from stacks.config.promotion_paths import promotion_paths
from stacks.delivery.delivery import add_delivery
from stacks.stage import TopicsmithStage


def main() -> None:
    """Synthesize every environment."""
    root = Path(__file__).parent
    try:
        environments = load_environments(root / "environments")
        delivery = load_delivery(root / "delivery.yaml", environments)
    except ConfigError as error:
        sys.exit(str(error))
    # The assembly would hold a stack trace for each construct and each warning; in Python it shows jsii's frames, not
    # the app's.
    app = App(context={"aws:cdk:disable-creation-stack-traces": True, "aws:cdk:disable-stack-trace": True})
    promotions = promotion_paths(environments)
    for name, config in environments.items():
        TopicsmithStage(app, name, config=config, promotions=promotions[name])
    if delivery:
        add_delivery(app, delivery, environments)
    Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    app.synth()


if __name__ == "__main__":
    main()

"""CDK app with one stage for each file in ``environments/`` and the delivery stacks that ``delivery.yaml`` defines."""

import sys
from pathlib import Path

from aws_cdk import App, Validations
from cdk_nag import AwsSolutionsChecks

from stacks.config.delivery_loader import load_delivery
from stacks.config.loader import ConfigError, load_environments
from stacks.config.promotion_paths import promotion_paths
from stacks.delivery.delivery import add_delivery
from stacks.readable_assets import make_assets_readable
from stacks.stage import TopicsmithStage


def main() -> None:
    """Synthesize all environments."""
    root = Path(__file__).parent
    try:
        environments = load_environments(root / "environments")
        delivery = load_delivery(root / "delivery.yaml", environments)
    except ConfigError as error:
        sys.exit(str(error))
    # Stack traces would be recorded for each construct and warning, but in Python they only show jsii's frames.
    app = App(context={"aws:cdk:disable-creation-stack-traces": True, "aws:cdk:disable-stack-trace": True})
    promotions = promotion_paths(environments)
    for name, config in environments.items():
        TopicsmithStage(app, name, config=config, promotions=promotions[name])
    if delivery:
        add_delivery(app, delivery, environments)
    Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    make_assets_readable(Path(app.synth().directory))


if __name__ == "__main__":
    main()

"""The CDK app: one stage for each file in ``environments/``."""

import sys
from pathlib import Path

from aws_cdk import App, Validations
from cdk_nag import AwsSolutionsChecks

from stacks.environment_files import ConfigError, load_environments
from stacks.stage import TopicsmithStage


def main() -> None:
    """Synthesize every environment."""
    try:
        environments = load_environments(Path(__file__).parent / "environments")
    except ConfigError as error:
        sys.exit(str(error))
    # The assembly would hold a stack trace for each construct; in Python it shows jsii's frames, not the app's.
    app = App(context={"aws:cdk:disable-creation-stack-traces": True})
    for name, config in environments.items():
        TopicsmithStage(app, name, config=config)
    Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    app.synth()


if __name__ == "__main__":
    main()

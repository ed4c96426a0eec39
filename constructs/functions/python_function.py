"""A Lambda function of one folder of ``lambdas/``."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from aws_cdk import Duration, IgnoreMode, aws_iam, aws_lambda

from constructs import Construct
from constructs.common.log_group import build_log_group
from constructs.network.placement import NetworkPlacement

LAMBDAS = Path(__file__).parents[2] / "lambdas"


@dataclass(frozen=True, kw_only=True)
class FunctionSettings:
    """What an environment says about all its functions.

    Attributes:
        log_retention_days: age at which their log lines are deleted, one of the ages that CloudWatch Logs knows.
        network: where they are; None for Lambda's own network.
    """

    log_retention_days: int
    network: NetworkPlacement | None = None


@dataclass(frozen=True, kw_only=True)
class PythonFunctionProps:
    """What a function needs.

    Attributes:
        folder: its folder in ``lambdas/``, whose ``handler.py`` has the function ``handler``.
        description: what it does, for whoever finds it in the console.
        timeout: at most 15 minutes.
        memory_mb: 128 to 10,240.
        settings: what all functions have in common.
        environment: variables beside Lambda's own.
    """

    folder: str
    description: str
    timeout: Duration
    memory_mb: int
    settings: FunctionSettings
    environment: Mapping[str, str] = field(default_factory=dict)


class PythonFunction(Construct):
    """The function, with a role that may write its log and no more, and the log.

    Attributes:
        function: the function, to which whoever wires grants what it needs.
    """

    def __init__(self, scope: Construct, id: str, props: PythonFunctionProps) -> None:
        super().__init__(scope, id)
        log_group = build_log_group(self, "Logs", retention_days=props.settings.log_retention_days)
        role = aws_iam.Role(self, "Role", assumed_by=aws_iam.ServicePrincipal("lambda.amazonaws.com"))
        log_group.grant_write(role)
        self.function = aws_lambda.Function(
            self,
            "Function",
            description=props.description,
            runtime=aws_lambda.Runtime.PYTHON_3_14,
            architecture=aws_lambda.Architecture.ARM_64,
            code=aws_lambda.Code.from_asset(
                str(LAMBDAS / props.folder), exclude=[".*", "__pycache__"], ignore_mode=IgnoreMode.GIT
            ),
            handler="handler.handler",
            timeout=props.timeout,
            memory_size=props.memory_mb,
            environment=dict(props.environment),
            role=role,
            log_group=log_group,
        )
        if props.settings.network:
            props.settings.network.place(self.function)

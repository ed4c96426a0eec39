"""Python Lambda functions, one for each folder of ``lambdas/``."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from aws_cdk import Duration, IgnoreMode, Size, aws_iam, aws_lambda

from constructs import Construct
from constructs.common.log_group import build_log_group
from constructs.network.placement import NetworkPlacement

LAMBDAS = Path(__file__).parents[2] / "lambdas"


@dataclass(frozen=True, kw_only=True)
class FunctionSettings:
    """Settings shared by all functions of an environment.

    Attributes:
        log_retention_days: Log retention, one of the values that CloudWatch Logs accepts.
        network: VPC placement; None for Lambda's own network.
    """

    log_retention_days: int
    network: NetworkPlacement | None = None


@dataclass(frozen=True, kw_only=True)
class PythonFunctionProps:
    """Properties of a function.

    Attributes:
        folder: Folder in ``lambdas/`` whose ``handler.py`` defines ``handler``.
        description: Description shown in the console.
        timeout: Timeout, at most 15 minutes.
        memory_mb: Memory, 128 to 10,240 MB.
        settings: Settings shared by all functions.
        environment: Environment variables.
        storage_mb: Size of ``/tmp``, 512 to 10,240 MB; None for Lambda's default of 512 MB.
    """

    folder: str
    description: str
    timeout: Duration
    memory_mb: int
    settings: FunctionSettings
    environment: Mapping[str, str] = field(default_factory=dict)
    storage_mb: int | None = None


class PythonFunction(Construct):
    """Lambda function with a log group and a role that may only write to it.

    Attributes:
        function: The Lambda function; grant permissions on it.
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
            ephemeral_storage_size=Size.mebibytes(props.storage_mb) if props.storage_mb else None,
            environment=dict(props.environment),
            role=role,
            log_group=log_group,
        )
        if props.settings.network:
            props.settings.network.place(self.function)

"""What serves a model once a person has approved it."""

from aws_cdk import CfnParameter, Duration, Stack, aws_events, aws_events_targets

from constructs import Construct
from constructs.grants import grant
from constructs.python_function import PythonFunction, PythonFunctionProps


class ModelApproval(Construct):
    """Updates its own stack with the model that was approved, so that CloudFormation remains the one owner.

    The function gives CloudFormation nothing but a new value of one parameter; the resources change with the role with
    which the stack was deployed.
    """

    def __init__(
        self, scope: Construct, id: str, *, model_package_group: str, parameter: CfnParameter, log_retention_days: int
    ) -> None:
        super().__init__(scope, id)
        stack = Stack.of(self)
        function = PythonFunction(
            self,
            "Deploy",
            PythonFunctionProps(
                folder="deploy_model",
                description="Serves the model that was approved",
                timeout=Duration.minutes(1),
                memory_mb=256,
                log_retention_days=log_retention_days,
                environment={"STACK_ID": stack.stack_id, "MODEL_PARAMETER": parameter.logical_id},
            ),
        ).function
        grant(
            function,
            actions=["cloudformation:DescribeStacks", "cloudformation:UpdateStack"],
            resources=[stack.stack_id],
        )
        # CloudFormation reads the bootstrap version, a parameter of every CDK stack, as whoever updates the stack.
        grant(
            function,
            actions=["ssm:GetParameters"],
            resources=[
                stack.format_arn(
                    service="ssm",
                    resource="parameter",
                    resource_name=f"cdk-bootstrap/{stack.synthesizer.bootstrap_qualifier}/version",
                )
            ],
        )
        aws_events.Rule(
            self,
            "Approved",
            description="A model of the environment was approved",
            event_pattern=aws_events.EventPattern(
                source=["aws.sagemaker"],
                detail_type=["SageMaker Model Package State Change"],
                detail={"ModelPackageGroupName": [model_package_group], "ModelApprovalStatus": ["Approved"]},
            ),
            targets=[aws_events_targets.LambdaFunction(function)],
        )

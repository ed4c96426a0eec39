"""Lambda's resources in CloudFormation that moto has in part."""

import json

from moto.awslambda.models import LambdaFunction
from moto.awslambda.utils import get_backend

from localcloud.core.resource_model import ResourceModel


class PermissionResource(ResourceModel):
    """``AWS::Lambda::Permission``: one statement of a function's policy; moto's cannot be deleted."""

    TYPE = "AWS::Lambda::Permission"

    @property
    def _function(self) -> LambdaFunction:
        function: LambdaFunction = get_backend(self.account_id, self.region_name).get_function(
            self.properties["FunctionName"]
        )
        return function

    def put(self) -> None:
        """Add the statement, in the place of the one that was there."""
        self.remove()
        self._function.policy.add_statement(json.dumps({**self.properties, "StatementId": self.name}))

    def remove(self) -> None:
        """Take the statement away."""
        policy = self._function.policy
        policy.statements = [statement for statement in policy.statements if statement.get("Sid") != self.name]

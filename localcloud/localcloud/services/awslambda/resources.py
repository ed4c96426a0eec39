"""Lambda's CloudFormation resource types that moto supports only in part."""

import json

from moto.awslambda.models import LambdaFunction
from moto.awslambda.utils import get_backend

from localcloud.core.resource_model import ResourceModel


class PermissionResource(ResourceModel):
    """``AWS::Lambda::Permission``: one statement of a function's policy; moto cannot delete it."""

    TYPE = "AWS::Lambda::Permission"

    @property
    def _function(self) -> LambdaFunction:
        function: LambdaFunction = get_backend(self.account_id, self.region_name).get_function(
            self.properties["FunctionName"]
        )
        return function

    def put(self) -> None:
        """Add the statement, replacing an earlier version."""
        self.remove()
        self._function.policy.add_statement(json.dumps({**self.properties, "StatementId": self.name}))

    def remove(self) -> None:
        """Remove the statement."""
        policy = self._function.policy
        policy.statements = [statement for statement in policy.statements if statement.get("Sid") != self.name]

"""Custom resources, which the stack delegates to a Lambda function that responds by a PUT to a URL.

Protocol: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref.html. The CDK's own helpers, such as
the one that empties a bucket before its deletion, are custom resources.
"""

import json
import threading
import uuid
from typing import Any

from moto.awslambda.utils import get_backend as get_lambda_backend
from moto.cloudformation.responses import CloudFormationResponse

from localcloud.core.resource_model import ResourceModel
from localcloud.core.settings import endpoint_url

_ANSWER_SECONDS = 15 * 60.0


class _Answers:
    """Responses of the functions, by request id."""

    def __init__(self) -> None:
        self._events: dict[str, threading.Event] = {}
        self._answers: dict[str, dict[str, Any]] = {}

    def expect(self, request_id: str) -> threading.Event:
        return self._events.setdefault(request_id, threading.Event())

    def arrive(self, answer: dict[str, Any]) -> None:
        self._answers[answer["RequestId"]] = answer
        self.expect(answer["RequestId"]).set()

    def take(self, request_id: str) -> dict[str, Any] | None:
        self._events.pop(request_id, None)
        return self._answers.pop(request_id, None)


_answers = _Answers()


class CustomResource(ResourceModel):
    """``Custom::*`` and ``AWS::CloudFormation::CustomResource``."""

    TYPE = "Custom::"

    logical_id: str
    stack_id: str
    resource_type: str
    before: dict[str, Any] | None = None

    @property
    def physical_resource_id(self) -> str:
        """Physical id returned by the function."""
        return self.name

    def get_cfn_attribute(self, attribute_name: str) -> str:
        """Return a member of the function's ``Data``."""
        return str(self.data[attribute_name])

    def put(self) -> None:
        """Ask the function to create or update the resource."""
        old = {} if self.before is None else {"OldResourceProperties": self.before}
        answer = self._ask("Create" if self.before is None else "Update", **old)
        self.name = answer.get("PhysicalResourceId") or self.name
        self.data: dict[str, Any] = answer.get("Data") or {}

    def remove(self) -> None:
        """Ask the function to delete the resource."""
        self._ask("Delete")

    @classmethod
    def create_from_cloudformation_json(
        cls, resource_name: str, cloudformation_json: Any, account_id: str, region_name: str, **kwargs: Any
    ) -> "CustomResource":
        """Create the resource."""
        resource = cls(resource_name, cloudformation_json["Properties"], account_id, region_name)
        resource.logical_id = kwargs["LogicalId"]
        resource.stack_id = kwargs["StackId"]
        resource.resource_type = kwargs["ResourceType"]
        resource.put()
        return resource

    @classmethod
    def update_from_cloudformation_json(
        cls,
        original_resource: Any,
        new_resource_name: str,
        cloudformation_json: Any,
        account_id: str,
        region_name: str,
    ) -> "CustomResource":
        """Update the resource."""
        resource = cls(original_resource.name, cloudformation_json["Properties"], account_id, region_name)
        resource.logical_id = original_resource.logical_id
        resource.stack_id = original_resource.stack_id
        resource.resource_type = original_resource.resource_type
        resource.before = original_resource.properties
        resource.put()
        return resource

    def _ask(self, request_type: str, **more: Any) -> dict[str, Any]:
        request_id = str(uuid.uuid4())
        arrived = _answers.expect(request_id)
        request = {
            "RequestType": request_type,
            "ResponseURL": f"{endpoint_url()}/cloudformation_{self.region_name}/cfnresponse?request={request_id}",
            "RequestId": request_id,
            "StackId": self.stack_id,
            "LogicalResourceId": self.logical_id,
            "ResourceType": self.resource_type,
            "ResourceProperties": self.properties,
            **({} if request_type == "Create" else {"PhysicalResourceId": self.name}),
            **more,
        }
        backend = get_lambda_backend(self.account_id, self.region_name)
        function = backend.get_function(self.properties["ServiceToken"])
        headers: dict[str, str] = {}
        payload = function.invoke(json.dumps(request), {}, headers)
        # The function has ended: its response is there, unless it failed before sending one.
        arrived.wait(0 if "x-amz-function-error" in headers else _ANSWER_SECONDS)
        answer = _answers.take(request_id)
        if answer is None:
            raise RuntimeError(f"the function {function.function_name} did not answer: {payload!r}")
        if answer["Status"] != "SUCCESS":
            raise RuntimeError(answer.get("Reason") or f"the function {function.function_name} answered FAILED")
        return answer


def install() -> None:
    """Receive the answers of the functions."""

    def process_cfn_response(self: CloudFormationResponse) -> tuple[int, dict[str, Any], str]:
        _answers.arrive(json.loads(self.body))
        return 200, {"status": 200}, "{}"

    CloudFormationResponse.process_cfn_response = process_cfn_response  # type: ignore[method-assign]

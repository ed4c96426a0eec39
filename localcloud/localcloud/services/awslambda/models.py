"""Lambda functions: moto stores them, and an invocation runs the deployed code."""

import base64
import json
import logging
import threading
import time
import uuid
import zipfile
from collections.abc import Mapping
from typing import Any

import moto.awslambda.models as moto_lambda
from moto.awslambda.exceptions import InvalidParameterValueException, LambdaClientError
from moto.awslambda.models import LambdaFunction
from moto.core.common_models import CloudFormationModel

from localcloud.authorization.network_interfaces import NotConnected, connect_function
from localcloud.core.role_sessions import LAMBDA, AccessDenied, RoleSession, assume_role
from localcloud.services.awslambda.deployment_package import require_size, unpacked, world_readable
from localcloud.services.awslambda.environment import require_variables
from localcloud.services.awslambda.invocation import FunctionSettings, Outcome, UnsupportedRuntime, invoke
from localcloud.services.awslambda.payload import require_event
from localcloud.services.cloudwatch.service_metrics import function_ran

logger = logging.getLogger(__name__)

# Lambda retries a failed asynchronous event twice, after one minute and after two. See
# https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html.
_RETRY_SECONDS = (60, 120)


class LocalFunction(LambdaFunction, CloudFormationModel):
    """A function that runs its code on invocation."""

    def __init__(self, account_id: str, spec: dict[str, Any], region: str, version: str | int = 1):
        """Create a function.

        Raises:
            InvalidParameterValueException: Its environment or its package is not allowed.
        """
        require_variables(spec.get("Environment", {}).get("Variables", {}))
        super().__init__(account_id, spec, region, version)
        self._connect(spec.get("VpcConfig"))

    def _session(self) -> RoleSession:
        return assume_role(self.role, LAMBDA, self.function_name[:64], self.region)

    def _connect(self, vpc_config: Mapping[str, Any] | None) -> None:
        try:
            connect_function(self._session(), vpc_config)
        except AccessDenied:
            return  # moto refuses the role.
        except NotConnected as error:
            raise InvalidParameterValueException(str(error)) from error

    def update_configuration(self, config_updates: dict[str, Any]) -> dict[str, Any]:
        """Update the configuration.

        Raises:
            InvalidParameterValueException: The environment is not allowed.
        """
        require_variables((config_updates.get("Environment") or {}).get("Variables", {}))
        if storage := config_updates.get("EphemeralStorage"):
            self.ephemeral_storage = storage["Size"]
        self._connect(config_updates.get("VpcConfig"))
        return super().update_configuration(config_updates)

    def _set_function_code(self, updated_spec: dict[str, Any]) -> None:
        super()._set_function_code(updated_spec)
        require_size(self.code_bytes)

    @staticmethod
    def _create_zipfile_from_plaintext_code(code: str) -> bytes:
        return world_readable(LambdaFunction._create_zipfile_from_plaintext_code(code))

    def invoke(self, body: str, request_headers: Any, response_headers: Any) -> str | bytes:
        """Handle the API's Invoke operation and return the payload.

        Raises:
            LambdaClientError: The body is not JSON or too large.
        """
        invocation_type = request_headers.get("x-amz-invocation-type", "RequestResponse")
        require_event(body, invocation_type)
        event = _event(body)
        match invocation_type:
            case "DryRun":
                return ""
            case "Event":
                self.invoke_later(event)
                return ""
        outcome = self.run(event)
        if outcome.failed:
            response_headers["x-amz-function-error"] = "Unhandled"
        response_headers["x-amz-log-result"] = base64.b64encode(outcome.log_tail.encode()).decode()
        response_headers["x-amz-executed-version"] = str(self.version)
        return outcome.payload.encode()

    def get_configuration(self, on_create: bool = False) -> dict[str, Any]:
        """Return the response of GetFunctionConfiguration, with the log group that moto leaves out."""
        logging_config = {"LogFormat": "Text", "LogGroup": self.logs_group_name}
        return {**super().get_configuration(on_create), "LoggingConfig": logging_config}

    def invoke_later(self, event: str) -> None:
        """Invoke the function in the background, with retries."""
        threading.Thread(target=self._run_until_done, args=(event,), name=self.function_name, daemon=True).start()

    def run(self, event: str, request_id: str | None = None) -> Outcome:
        """Run the function with ``event`` (JSON) and wait for it to end.

        Args:
            event: The event, as JSON.
            request_id: Id of the invocation; generated if missing.
        """
        started = time.monotonic()
        outcome = self._run(event, request_id or str(uuid.uuid4()))
        seconds = time.monotonic() - started
        function_ran(self.account_id, self.region, self.function_name, seconds, failed=outcome.failed)
        return outcome

    def _run(self, event: str, request_id: str) -> Outcome:
        try:
            session = self._session()
            return invoke(self._settings(), session, event, request_id)
        except (AccessDenied, UnsupportedRuntime, zipfile.BadZipFile) as error:
            kind = "AccessDeniedException" if isinstance(error, AccessDenied) else "Runtime.InvalidEntrypoint"
            description = {"errorType": kind, "errorMessage": str(error)}
            return Outcome(json.dumps(description), failed=True, log_tail=str(error))

    def _run_until_done(self, event: str) -> None:
        request_id = str(uuid.uuid4())  # All attempts share it.
        for seconds in (*_RETRY_SECONDS, None):
            outcome = self.run(event, request_id)
            if not outcome.failed:
                return
            logger.warning("%s failed: %s", self.function_name, outcome.payload)
            if seconds is not None:
                time.sleep(seconds)

    def _settings(self) -> FunctionSettings:
        return FunctionSettings(
            name=self.function_name,
            arn=self.function_arn,
            version=str(self.version),
            runtime=str(self.run_time),
            handler=str(self.handler),
            code=unpacked(self.function_name, self.code_bytes),
            environ={name: str(value) for name, value in self.environment_vars.items()},
            memory_mb=int(self.memory_size),
            timeout_seconds=float(self.timeout),
            storage_mb=int(self.ephemeral_storage),
            log_group=self.logs_group_name,
        )

    @classmethod
    def create_from_cloudformation_json(
        cls,
        resource_name: str,
        cloudformation_json: dict[str, Any],
        account_id: str,
        region_name: str,
        **kwargs: Any,
    ) -> LambdaFunction:
        """Create a function from a template, with the log group and the size of ``/tmp`` that moto leaves out."""
        function = super().create_from_cloudformation_json(
            resource_name, cloudformation_json, account_id, region_name, **kwargs
        )
        return _completed(function, cloudformation_json["Properties"])

    @classmethod
    def update_from_cloudformation_json(
        cls,
        original_resource: LambdaFunction,
        new_resource_name: str,
        cloudformation_json: dict[str, Any],
        account_id: str,
        region_name: str,
    ) -> LambdaFunction:
        """Update a function from a template."""
        function = super().update_from_cloudformation_json(
            original_resource, new_resource_name, cloudformation_json, account_id, region_name
        )
        return _completed(function, cloudformation_json["Properties"])


def install() -> None:
    """Replace moto's functions with ones that run on invocation."""
    moto_lambda.LambdaFunction = LocalFunction  # type: ignore[misc]


def _event(body: str) -> str:
    if not body:
        return "{}"
    try:
        json.loads(body)
    except ValueError as error:
        raise LambdaClientError(
            "InvalidRequestContentException", f"Could not parse request body into json: {error}"
        ) from error
    return body


def _completed(function: LambdaFunction, properties: Mapping[str, Any]) -> LambdaFunction:
    function.ephemeral_storage = properties.get("EphemeralStorage", {}).get("Size", function.ephemeral_storage)
    logs_to = properties.get("LoggingConfig", {}).get("LogGroup")
    function.logs_group_name = logs_to or f"/aws/lambda/{function.function_name}"
    return function

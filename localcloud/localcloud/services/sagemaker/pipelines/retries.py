"""Retry policies of a pipeline's step.

See https://docs.aws.amazon.com/sagemaker/latest/dg/pipelines-retry-policy.html.
"""

import time
from collections.abc import Iterable, Mapping
from typing import Any

from botocore.exceptions import ClientError

from localcloud.core.errors import LocalCloudError
from localcloud.services.sagemaker.common.job_run import INTERNAL_ERROR

JOB_INTERNAL_ERROR = "SageMaker.JOB_INTERNAL_ERROR"

# Prefixes of failure reasons, and the exception types in retry policies.
_REASONS = {
    INTERNAL_ERROR: JOB_INTERNAL_ERROR,
    "CapacityError": "SageMaker.CAPACITY_ERROR",
    "ResourceLimitExceeded": "SageMaker.RESOURCE_LIMIT",
}
_THROTTLED = ("ThrottlingException", "Throttling", "TooManyRequestsException", "RequestLimitExceeded")
_SERVICE_FAULT = 500
_DEFAULT_ATTEMPTS = 5
# SageMaker retries these for every step unless a policy of the step names them; a policy's defaults stand for its own
# intervals, which are not published.
_BY_DEFAULT = {"ExceptionType": ["Step.SERVICE_FAULT", "Step.THROTTLING"]}
_EXCEPTION_TYPES = {*_BY_DEFAULT["ExceptionType"], *_REASONS.values()}
_RETRYABLE = {"AutoML", "Model", "NotebookJob", "Processing", "RegisterModel", "Training", "Transform", "Tuning"}
_MOST = {"IntervalSeconds": 43_200, "MaxAttempts": 20, "ExpireAfterMin": 14_400}


class RetryPolicyError(LocalCloudError):
    """A step's ``RetryPolicies`` are invalid."""


def check_policies(definition: Mapping[str, Any]) -> None:
    """Check the retry policies of a step.

    Raises:
        RetryPolicyError: The step has policies although its type is never retried, or a policy is invalid.
    """
    policies = definition.get("RetryPolicies") or []
    if policies and definition["Type"] not in _RETRYABLE:
        raise RetryPolicyError(f"steps of type {definition['Type']} have no RetryPolicies.")
    for policy in policies:
        if unknown := set(policy.get("ExceptionType") or [None]) - _EXCEPTION_TYPES:
            raise RetryPolicyError(
                f"RetryPolicies has ExceptionType {', '.join(sorted(map(str, unknown)))}; allowed: "
                f"{', '.join(sorted(_EXCEPTION_TYPES))}."
            )
        for name, most in _MOST.items():
            if not 0 <= policy.get(name, 0) <= most:
                raise RetryPolicyError(f"RetryPolicies has {name} {policy[name]}; it must be between 0 and {most}.")


def exception_type_of_reason(reason: str) -> str | None:
    """Return the exception type of a job's failure, or None if a retry would not help."""
    return next((kind for beginning, kind in _REASONS.items() if reason.startswith(beginning)), None)


def exception_type_of_call(error: ClientError) -> str | None:
    """Return the exception type of a failed API call, or None if a retry would not help."""
    code = error.response.get("Error", {}).get("Code", "")
    if code in _THROTTLED:
        return "Step.THROTTLING"
    if code.startswith("ResourceLimitExceeded"):
        return "SageMaker.RESOURCE_LIMIT"
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return "Step.SERVICE_FAULT" if status >= _SERVICE_FAULT else None


class Retries:
    """Retries of one step.

    Args:
        policies: ``RetryPolicies`` of the step.
    """

    def __init__(self, policies: Iterable[Mapping[str, Any]] | None):
        self._policies = [*(policies or ()), _BY_DEFAULT]
        self._used = [0] * len(self._policies)
        self._began = time.monotonic()

    def wait_after(self, exception_type: str | None) -> float | None:
        """Return the seconds until the next attempt, or None if there is none."""
        for number, policy in enumerate(self._policies):
            if exception_type not in policy["ExceptionType"]:
                continue
            used = self._used[number]
            self._used[number] += 1
            wait = float(policy.get("IntervalSeconds", 1)) * float(policy.get("BackoffRate", 2.0)) ** used
            return wait if self._is_allowed(policy, used, wait) else None
        return None

    def _is_allowed(self, policy: Mapping[str, Any], used: int, wait: float) -> bool:
        if "ExpireAfterMin" in policy:
            return time.monotonic() + wait - self._began <= 60 * float(policy["ExpireAfterMin"])
        return used < int(policy.get("MaxAttempts", _DEFAULT_ATTEMPTS))

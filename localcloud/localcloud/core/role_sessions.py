"""Sessions of the roles of jobs, functions and endpoints."""

import functools
import json
import secrets
import threading
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
from botocore.config import Config
from moto.iam.exceptions import NotFoundException
from moto.iam.models import iam_backends
from moto.sts.models import sts_backends

from localcloud.core.errors import LocalCloudError
from localcloud.core.policy import AccessRequest, Effect, account_of, evaluate, statements_of
from localcloud.core.settings import endpoint_url

SAGEMAKER = "sagemaker.amazonaws.com"
"""The service principal of SageMaker, which assumes the roles of pipelines, jobs and models."""

LAMBDA = "lambda.amazonaws.com"
"""The service principal of Lambda, which assumes the roles of functions."""

CREDENTIALS_PATH = "/v2/credentials/"
"""Path of the endpoint of containers' credentials, as on AWS; the rest of a URL is a secret."""

_SESSION_SECONDS = 12 * 3600
_KEPT_CLIENTS = 128
_client_lock = threading.Lock()


class AccessDenied(LocalCloudError):
    """A request was denied; the message is AWS's."""


@dataclass(frozen=True)
class RoleSession:
    """Temporary credentials of one role, as ``sts:AssumeRole`` hands them to a service."""

    role_arn: str
    access_key_id: str
    secret_access_key: str
    session_token: str
    region: str

    def environ(self) -> dict[str, str]:
        """Return the ``AWS_*`` variables of a function that acts as this role."""
        return {
            "AWS_ACCESS_KEY_ID": self.access_key_id,
            "AWS_SECRET_ACCESS_KEY": self.secret_access_key,
            "AWS_SESSION_TOKEN": self.session_token,
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_ENDPOINT_URL": endpoint_url(),
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def credentials_url(self) -> str:
        """Return a URL of these credentials, for a container."""
        secret = secrets.token_urlsafe()
        _container_sessions[secret] = self
        return f"{endpoint_url()}{CREDENTIALS_PATH}{secret}"

    def client(self, service_name: str, config: Config | None = None) -> Any:
        """Return a boto3 client that acts as this role, through HTTP and IAM."""
        with _client_lock:  # boto3's default session is not thread-safe.
            return _client(self, service_name, config)


_container_sessions: dict[str, RoleSession] = {}


def container_credentials(secret: str) -> dict[str, str] | None:
    """Return the credentials behind a container's URL, as its SDK reads them; None if there are none."""
    session = _container_sessions.get(secret)
    if session is None:
        return None
    return {
        "RoleArn": session.role_arn,
        "AccessKeyId": session.access_key_id,
        "SecretAccessKey": session.secret_access_key,
        "Token": session.session_token,
        "Expiration": (datetime.now(UTC) + timedelta(seconds=_SESSION_SECONDS)).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }


@functools.lru_cache(maxsize=_KEPT_CLIENTS)
def _client(session: RoleSession, service_name: str, config: Config | None) -> Any:
    """Return a client, which threads may share; creating one takes longer than most requests."""
    return boto3.client(  # type: ignore[call-overload]
        service_name,
        region_name=session.region,
        endpoint_url=endpoint_url(),
        aws_access_key_id=session.access_key_id,
        aws_secret_access_key=session.secret_access_key,
        aws_session_token=session.session_token,
        config=config,
    )


def assume_role(role_arn: str, service_principal: str, session_name: str, region: str) -> RoleSession:
    """Return credentials of ``role_arn`` for a service, for example ``sagemaker.amazonaws.com``.

    Raises:
        AccessDenied: The role does not exist, or its trust policy does not name the service.
    """
    account = account_of(role_arn) or ""
    try:
        role = iam_backends[account]["aws"].get_role_by_arn(role_arn)
    except NotFoundException:
        raise AccessDenied(f"The role {role_arn} does not exist.") from None
    trust = statements_of(json.loads(role.assume_role_policy_document))
    context = {"aws:sourceaccount": account, "aws:principalisawsservice": "true"}
    request = AccessRequest(service_principal, "sts:AssumeRole", None, context)
    if evaluate(trust, request) is not Effect.ALLOW:
        raise AccessDenied(
            f"Could not assume role {role_arn}. Please ensure that the role exists and allows principal "
            f"'{service_principal}' to assume the role."
        )
    assumed = sts_backends[account]["aws"].assume_role(
        region_name=region,
        role_session_name=session_name,
        role_arn=role_arn,
        policy="",
        duration=_SESSION_SECONDS,
        external_id="",
    )
    return RoleSession(
        role_arn=role_arn,
        access_key_id=assumed.access_key_id,
        secret_access_key=assumed.secret_access_key,
        session_token=assumed.session_token,
        region=region,
    )

"""IAM enforcement on every request: moto's authentication, with resources and conditions evaluated.

As on AWS, more than the caller's own policies counts: resource-based policies, KMS keys (an object in an encrypted
bucket and a message to an encrypted topic need permission on the key too), trust policies, and ``iam:PassRole``. A
resource of another account must also allow the request, which that account then answers.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from botocore.awsrequest import AWSRequest
from moto import settings as moto_settings
from moto.core.exceptions import ServiceException
from moto.core.responses import ActionResult, BaseResponse
from moto.iam import access_control
from moto.iam.models import get_account_id_from
from moto.s3.exceptions import BucketAccessDeniedError
from moto.s3.models import FakeBucket
from werkzeug.datastructures import Headers

from localcloud.authorization import resource_policies, simulation, used_permissions
from localcloud.authorization.model_packages import permissions_to_register
from localcloud.authorization.presigned_urls import PresignedUrl
from localcloud.authorization.principal import Principal, calling
from localcloud.authorization.request import ApiRequest, parameters_of
from localcloud.authorization.s3_objects import ObjectRequest, Permission
from localcloud.core.policy import (
    AccessRequest,
    Effect,
    Statement,
    account_of,
    decide,
    evaluate,
    role_arn_of,
)
from localcloud.core.role_sessions import RoleSession
from localcloud.core.service import Service

# Actions that the resource's own policy must allow as well, if only by delegating to the account's IAM policies.
_OWN_POLICY_DECIDES = ("kms:", "sts:AssumeRole")
# Permissions that the caller needs on the key of an encrypted topic or queue. See
# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html.
_KEY_ACTIONS = {
    "sns:Publish": ("kms:GenerateDataKey", "kms:Decrypt"),
    "sqs:SendMessage": ("kms:GenerateDataKey", "kms:Decrypt"),
    "sqs:ReceiveMessage": ("kms:Decrypt",),
}
_OPEN_TO_ALL = ("sts:GetCallerIdentity",)

_enforced = False


class NotAuthorized(ServiceException):
    """The caller is not allowed to make the request."""

    code = "AccessDeniedException"


class _S3NotAuthorized(BucketAccessDeniedError):
    def __init__(self, bucket: str, message: str):
        super().__init__(bucket)
        self.message = message


def require(
    *,
    principal: str,
    identity: list[Statement],
    action: str,
    resource: str | None,
    context: Mapping[str, str],
    boundary: list[Statement] | None = None,
) -> None:
    """Raise :class:`NotAuthorized`, with AWS's message, unless the policies allow a request.

    Args:
        principal: The caller's ARN.
        identity: Statements of the caller's own policies.
        action: For example ``s3:GetObject``.
        resource: The resource's ARN, ``None`` when unknown, ``*`` for an action on all resources.
        context: Condition keys of the request (lower case).
        boundary: Statements of the caller's permissions boundary, if it has one.
    """
    account = account_of(principal)
    # If another account has a bucket of this name, the error is S3's BucketAlreadyExists, not a denial by IAM.
    owner = account if action == "s3:CreateBucket" else resource_policies.owner_of(resource) or account
    refusal = decide(
        AccessRequest(principal, action, resource, _with_global_keys(principal, owner, context)),
        identity=identity,
        own_policy=resource_policies.statements(action, resource) or [],
        foreign=owner != account,
        own_policy_decides=resource not in (None, "*") and action.startswith(_OWN_POLICY_DECIDES),
        boundary=boundary,
    )
    if refusal:
        raise NotAuthorized(
            f"User: {principal} is not authorized to perform: {action} on resource: {resource or '*'} {refusal}"
        )
    used_permissions.record(principal, action, resource)


def require_all(principal: Principal, permissions: Iterable[Permission], *, region: str) -> None:
    """Raise :class:`NotAuthorized` unless a principal has all permissions.

    Args:
        principal: A caller or a role session.
        permissions: The permissions.
        region: Region of the requests.
    """
    identity, boundary = principal.identity, principal.boundary
    for permission in permissions:
        require(
            principal=principal.arn,
            identity=identity,
            action=permission.action,
            resource=permission.resource,
            context={"aws:requestedregion": region, **permission.context},
            boundary=boundary,
        )


def require_of_role(session: RoleSession, permissions: Iterable[Permission]) -> None:
    """Raise :class:`NotAuthorized` unless a role has permissions that a service uses in a way not simulated here.

    Without IAM enforcement, every role has them.
    """
    if _enforced:
        require_all(Principal.of_session(session), permissions, region=session.region)


def require_service(service: str, action: str, resource: str, *, source_arn: str) -> None:
    """Raise :class:`NotAuthorized` unless a service may act on a resource on behalf of another resource.

    A service has no identity policies: the resource's policy decides, and the key policy of an encrypted resource.

    Args:
        service: The service principal, for example ``events.amazonaws.com``.
        action: For example ``sqs:SendMessage``.
        resource: ARN of a topic or a queue.
        source_arn: ARN of the resource the service acts for, for example a rule.
    """
    account = account_of(source_arn) or ""
    context = {
        **_with_global_keys(service, resource_policies.owner_of(resource), {}),
        "aws:principalisawsservice": "true",
        "aws:principalservicename": service,
        "aws:sourcearn": source_arn,
        "aws:sourceaccount": account,
        "aws:sourceowner": account,
    }
    wanted = [(action, resource)]
    if key_arn := resource_policies.message_key_of(resource):
        wanted += [("kms:GenerateDataKey", key_arn), ("kms:Decrypt", key_arn)]
    for each, arn in wanted:
        policy = resource_policies.statements(each, arn) or []
        if evaluate(policy, AccessRequest(service, each, arn, context)) is not Effect.ALLOW:
            raise NotAuthorized(
                f"{service} is not authorized to perform: {each} on resource: {arn} because no resource-based policy "
                f"allows the {each} action for {source_arn}"
            )


def _with_global_keys(principal: str, owner: str | None, context: Mapping[str, str]) -> dict[str, str]:
    account = account_of(principal) or ""
    return {
        # For a role session, the role's ARN.
        "aws:principalarn": role_arn_of(principal) or principal,
        "aws:principalaccount": account,
        "aws:resourceaccount": owner or account,
        "s3:resourceaccount": owner or account,
        "kms:calleraccount": account,
        # The local endpoint stands in for AWS endpoints, which are reached over TLS.
        "aws:securetransport": "true",
        "s3:tlsversion": "1.3",
        "aws:sourceip": "127.0.0.1",
        "aws:principalisawsservice": "false",
        "aws:viaawsservice": "false",
        **context,
    }


def _check(request: access_control.IAMRequestBase, resource: str) -> str | None:
    """Evaluate every policy that applies to an authenticated moto request.

    Returns:
        The account that owns the resource, or ``None`` if unknown.
    """
    api = ApiRequest(
        service=request._service,
        operation=request._action.split(":", 1)[1],
        region=request._region,
        account=request.account_id,
        path=request._path,
        parameters=parameters_of(request._data, b"" if request._service == "s3" else request._body),
    )
    if api.action in _OPEN_TO_ALL:
        return None
    caller = Principal(request._access_key)
    calling.set(caller)
    permissions = (
        Permission(one.action, one.resource, {**api.context, **one.context})
        for one in _permissions(api, request, resource)
    )
    require_all(caller, permissions, region=api.region)
    return resource_policies.owner_of(resource if api.service == "s3" else api.resources[0])


def _permissions(api: ApiRequest, request: access_control.IAMRequestBase, resource: str) -> Iterator[Permission]:
    """Yield every permission that a request requires."""
    if api.service == "s3":
        yield from ObjectRequest(
            action=api.action,
            resource=resource,
            method=request._method,
            path=request._path,
            headers=request._headers,
            body=request._body,
            region=request._region,
        ).permissions
        return
    for arn in api.resources:
        for action in (api.action, *api.further_actions):
            yield Permission(action, arn)
    if api.action == "sagemaker:CreateModelPackage":
        yield from permissions_to_register(api.parameters)
    for package in api.foreign_packages:
        yield Permission(api.action, package)
    for role_arn in api.passed_roles:
        yield Permission("iam:PassRole", role_arn, {"iam:passedtoservice": f"{api.service}.amazonaws.com"})
    key_actions = _KEY_ACTIONS.get(api.action, ())
    key_arn = resource_policies.message_key_of(api.resource) if key_actions and api.resource else None
    for action in key_actions if key_arn else ():
        via = {"kms:viaservice": f"{api.service}.{api.region}.amazonaws.com", "aws:viaawsservice": "true"}
        yield Permission(action, key_arn, via)


def _authenticate_and_authorize(self: BaseResponse, iam_request_cls: type, resource: str = "*") -> None:
    """Replace moto's method of the same name: the same authentication, then :func:`_check`."""
    is_s3 = self.service_name == "s3"
    headers, account = self.headers, self.current_account
    presigned = PresignedUrl.of(self.uri, self.region) if is_s3 and "Authorization" not in headers else None
    if presigned:
        headers, account = Headers([*headers.items(), *presigned.headers]), get_account_id_from(presigned.access_key_id)
    if "Authorization" not in headers:
        if self.service_name == "cloudformation" and "/cfnresponse" in self.path:
            return  # A custom resource's response is unsigned; its request id is the secret.
        message = "Missing Authentication Token"
        raise _S3NotAuthorized(resource, message) if is_s3 else NotAuthorized(message)
    url = urlsplit(self.uri)
    request = iam_request_cls(
        account_id=account,
        method=self.method,
        path=self.raw_path + (f"?{url.query}" if url.query else ""),
        data=self.data,
        body=self.raw_body,
        headers=headers,
        action=self._get_action(),
    )
    if not presigned:  # moto cannot verify signatures in URLs; the signer's policies still apply.
        request.check_signature()
    try:
        # The account that owns the resource answers, as on AWS.
        self.current_account = _check(request, resource) or self.current_account
    except NotAuthorized as denial:
        if is_s3:
            raise _S3NotAuthorized(resource, denial.message) from denial
        raise


def _signed_request(self: access_control.IAMRequestBase) -> AWSRequest:
    """Replace moto's method of the same name, which substitutes form fields for an empty body."""
    signed_headers = self._get_string_between("SignedHeaders=", ",", self._headers["Authorization"]).split(";")
    headers = self._create_headers_for_aws_request(signed_headers, self._headers)
    # werkzeug has already consumed a form's body into its fields.
    form = "x-www-form-urlencoded" in self._headers.get("Content-Type", "")
    data = self._data if form and not self._body else self._body
    request = AWSRequest(method=self._method, url=self._path, data=data, headers=headers)
    request.context["timestamp"] = headers["X-Amz-Date"]
    return request


def install() -> None:
    """Enforce IAM on every request to moto's server."""
    global _enforced
    _enforced = True
    moto_settings.INITIAL_NO_AUTH_ACTION_COUNT = 0
    access_control.IAMRequestBase._create_aws_request = _signed_request  # type: ignore[method-assign]
    unguarded = BaseResponse.call_action

    def call_action(self: BaseResponse) -> Any:
        try:
            return unguarded(self)
        except NotAuthorized as denial:
            if self.querystring.get("Action"):
                denial.code = "AccessDenied"  # The query protocol's name for the error.
            return self.serialized(ActionResult(denial))

    BaseResponse.call_action = call_action  # type: ignore[method-assign]
    BaseResponse._authenticate_and_authorize_action = _authenticate_and_authorize  # type: ignore[assignment]
    # moto evaluates bucket policies a second time, ignoring the caller and conditions.
    FakeBucket.get_permission = (  # type: ignore[method-assign]
        lambda self, action, resource: access_control.PermissionResult.NEUTRAL
    )


SERVICE = Service(name="authorization", patches=(install, simulation.install))

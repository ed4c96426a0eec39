"""IAM enforced on every request: moto's authentication, with an evaluation that knows resources and conditions.

Where AWS gives or needs more than the caller's own policies, so does this: the policies of resources, KMS keys (an
object in a bucket encrypted with a key needs the key too, and so does a message to an encrypted topic), trust policies,
and ``iam:PassRole``. What is in another account must allow its use there as well, and is then answered by that account.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from botocore.awsrequest import AWSRequest
from moto import settings as moto_settings
from moto.core.exceptions import ServiceException
from moto.core.responses import ActionResult, BaseResponse
from moto.iam import access_control
from moto.iam.models import Policy, get_account_id_from
from moto.s3.exceptions import BucketAccessDeniedError
from moto.s3.models import FakeBucket
from werkzeug.datastructures import Headers

from localcloud.authorization import resource_policies
from localcloud.authorization.presigned_urls import PresignedUrl
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
    statements_of,
)
from localcloud.core.service import Service

# Resources whose own policy must allow a request as well, if only by leaving it to the account's IAM.
_OWN_POLICY_DECIDES = ("kms:", "sts:AssumeRole")
# What an encrypted topic or queue asks of the caller's rights to its key. See
# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html.
_KEY_ACTIONS = {
    "sns:Publish": ("kms:GenerateDataKey", "kms:Decrypt"),
    "sqs:SendMessage": ("kms:GenerateDataKey", "kms:Decrypt"),
    "sqs:ReceiveMessage": ("kms:Decrypt",),
}
_OPEN_TO_ALL = ("sts:GetCallerIdentity",)


class NotAuthorized(ServiceException):
    """The caller may not do this."""

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
) -> None:
    """Let a request pass, or raise :class:`NotAuthorized` with the message that AWS gives.

    Args:
        principal: the caller's ARN.
        identity: the statements of the caller's own policies.
        action: for example ``s3:GetObject``.
        resource: the resource's ARN, ``None`` when unknown.
        context: condition keys of the request (lower case).
    """
    account = account_of(principal)
    # Nobody may see whether a bucket's name is taken, but by trying to take it.
    owner = account if action == "s3:CreateBucket" else resource_policies.owner_of(resource) or account
    refusal = decide(
        AccessRequest(principal, action, resource, _with_global_keys(principal, owner, context)),
        identity=identity,
        own_policy=resource_policies.statements(action, resource) or [],
        foreign=owner != account,
        own_policy_decides=resource is not None and action.startswith(_OWN_POLICY_DECIDES),
    )
    if refusal:
        raise NotAuthorized(
            f"User: {principal} is not authorized to perform: {action} on resource: {resource or '*'} {refusal}"
        )


def require_service(service: str, action: str, resource: str, *, source_arn: str) -> None:
    """Let a service act on a resource on behalf of another resource, or raise :class:`NotAuthorized`.

    A service has no policies of its own: the resource's policy decides, and its key's where the resource is encrypted.

    Args:
        service: the service's principal, for example ``events.amazonaws.com``.
        action: for example ``sqs:SendMessage``.
        resource: the ARN of a topic or a queue.
        source_arn: on whose behalf, for example a rule's ARN.
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
        # Of a role's session it is the role.
        "aws:principalarn": role_arn_of(principal) or principal,
        "aws:principalaccount": account,
        "aws:resourceaccount": owner or account,
        "s3:resourceaccount": owner or account,
        "kms:calleraccount": account,
        # The local endpoint stands for AWS's, which is reached by TLS.
        "aws:securetransport": "true",
        "s3:tlsversion": "1.3",
        "aws:sourceip": "127.0.0.1",
        "aws:principalisawsservice": "false",
        "aws:viaawsservice": "false",
        **context,
    }


def _check(request: access_control.IAMRequestBase, resource: str) -> str | None:
    """Hold one authenticated request of moto's against every policy that has a say.

    Returns:
        The account whose resource it is about; ``None`` where that is not known.
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
    identity = [
        statement for policy in request._access_key.collect_policies() for statement in statements_of(_document(policy))
    ]
    for permission in _permissions(api, request, resource):
        require(
            principal=request._access_key.arn,
            identity=identity,
            action=permission.action,
            resource=permission.resource,
            context={**api.context, **permission.context},
        )
    return resource_policies.owner_of(resource if api.service == "s3" else api.resources[0])


def _permissions(api: ApiRequest, request: access_control.IAMRequestBase, resource: str) -> Iterator[Permission]:
    """Yield everything that a request needs to be allowed."""
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
    for package in api.foreign_packages:
        yield Permission(api.action, package)
    for role_arn in api.passed_roles:
        yield Permission("iam:PassRole", role_arn, {"iam:passedtoservice": f"{api.service}.amazonaws.com"})
    key_actions = _KEY_ACTIONS.get(api.action, ())
    key_arn = resource_policies.message_key_of(api.resource) if key_actions and api.resource else None
    for action in key_actions if key_arn else ():
        via = {"kms:viaservice": f"{api.service}.{api.region}.amazonaws.com", "aws:viaawsservice": "true"}
        yield Permission(action, key_arn, via)


def _document(policy: Any) -> dict[str, Any]:
    """Return a policy's document from any of the forms in which moto keeps it."""
    if isinstance(policy, Policy):
        policy = next(version.document for version in policy.versions if version.is_default)
    if isinstance(policy, dict):
        return _document(policy["policy_document"]) if "policy_document" in policy else policy
    document: dict[str, Any] = json.loads(policy)
    return document


def _authenticate_and_authorize(self: BaseResponse, iam_request_cls: type, resource: str = "*") -> None:
    """Stand in for moto's method of that name: the same authentication, then :func:`_check`."""
    is_s3 = self.service_name == "s3"
    headers, account = self.headers, self.current_account
    presigned = PresignedUrl.of(self.uri, self.region) if is_s3 and "Authorization" not in headers else None
    if presigned:
        headers, account = Headers([*headers.items(), *presigned.headers]), get_account_id_from(presigned.access_key_id)
    if "Authorization" not in headers:
        if self.service_name == "cloudformation" and "/cfnresponse" in self.path:
            return  # A custom resource's answer; the request's id is the secret.
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
    if not presigned:  # moto knows no signatures in URLs; the signer's policies count all the same.
        request.check_signature()
    try:
        # The account whose resource it is answers, as on AWS.
        self.current_account = _check(request, resource) or self.current_account
    except NotAuthorized as denial:
        if is_s3:
            raise _S3NotAuthorized(resource, denial.message) from denial
        raise


def _signed_request(self: access_control.IAMRequestBase) -> AWSRequest:
    """Stand in for moto's method of that name, which takes an empty body for a form's fields."""
    signed_headers = self._get_string_between("SignedHeaders=", ",", self._headers["Authorization"]).split(";")
    headers = self._create_headers_for_aws_request(signed_headers, self._headers)
    # A form's body was read into its fields.
    form = "x-www-form-urlencoded" in self._headers.get("Content-Type", "")
    data = self._data if form and not self._body else self._body
    request = AWSRequest(method=self._method, url=self._path, data=data, headers=headers)
    request.context["timestamp"] = headers["X-Amz-Date"]
    return request


def install() -> None:
    """Put every request of moto's server under IAM."""
    moto_settings.INITIAL_NO_AUTH_ACTION_COUNT = 0
    access_control.IAMRequestBase._create_aws_request = _signed_request  # type: ignore[method-assign]
    unguarded = BaseResponse.call_action

    def call_action(self: BaseResponse) -> Any:
        try:
            return unguarded(self)
        except NotAuthorized as denial:
            if self.querystring.get("Action"):
                denial.code = "AccessDenied"  # the name in the query protocol
            return self.serialized(ActionResult(denial))

    BaseResponse.call_action = call_action  # type: ignore[method-assign]
    BaseResponse._authenticate_and_authorize_action = _authenticate_and_authorize  # type: ignore[assignment]
    # moto also reads bucket policies for itself, without a caller and without conditions.
    FakeBucket.get_permission = (  # type: ignore[method-assign]
        lambda self, action, resource: access_control.PermissionResult.NEUTRAL
    )


SERVICE = Service(name="authorization", patches=(install,))

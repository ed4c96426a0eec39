"""IAM enforced on every request: moto's authentication, with an evaluation that knows resources and conditions.

Where AWS gives or needs more than the caller's own policies, so does this: bucket and topic policies, KMS key policies
(an object in a bucket encrypted with a key needs the key too, and so does a message to an encrypted topic), trust
policies, and ``iam:PassRole``.
"""

import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

from botocore.awsrequest import AWSRequest
from moto import settings as moto_settings
from moto.core.exceptions import ServiceException
from moto.core.responses import ActionResult, BaseResponse
from moto.iam import access_control
from moto.iam.exceptions import NotFoundException
from moto.iam.models import Policy, iam_backends
from moto.kms.models import kms_backends
from moto.s3.exceptions import BucketAccessDeniedError
from moto.s3.models import FakeBucket, s3_backends
from moto.sns.models import Topic, sns_backends
from moto.sqs.models import Queue, sqs_backends

from topicsmith.local.api_request import ApiRequest, parameters_of
from topicsmith.local.policy import AccessRequest, Effect, Statement, account_of, evaluate, statements_of

# Resources whose own policy must allow a request as well, if only by leaving it to the account's IAM.
_OWN_POLICY_DECIDES = ("kms:", "sts:AssumeRole")
# What an encrypted topic or queue asks of the caller's rights to its key. See
# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html.
_KEY_ACTIONS = {
    "sns:Publish": ("kms:GenerateDataKey", "kms:Decrypt"),
    "sqs:SendMessage": ("kms:GenerateDataKey", "kms:Decrypt"),
    "sqs:ReceiveMessage": ("kms:Decrypt",),
}
_OPEN_TO_ALL = ("sts:GetCallerIdentity", "ecr:GetAuthorizationToken")


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
    request = AccessRequest(principal, action, resource, _with_global_keys(principal, context))
    own_policy = _resource_policy(action, resource)
    by_identity = evaluate(identity, request)
    by_resource = evaluate(own_policy, request) if own_policy is not None else Effect.NONE
    named = own_policy is not None and evaluate(own_policy, request, accounts=False) is Effect.ALLOW
    allowed = by_identity is Effect.ALLOW or named
    if own_policy is not None and action.startswith(_OWN_POLICY_DECIDES):
        allowed = allowed and by_resource is Effect.ALLOW
    denied = Effect.DENY in (by_identity, by_resource)
    if denied or not allowed:
        why = (
            "with an explicit deny in a policy"
            if denied
            else f"because no identity-based policy allows the {action} action"
            if by_identity is not Effect.ALLOW
            else f"because no resource-based policy allows the {action} action"
        )
        raise NotAuthorized(
            f"User: {principal} is not authorized to perform: {action} on resource: {resource or '*'} {why}"
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
        **_with_global_keys(service, {}),
        "aws:principalisawsservice": "true",
        "aws:principalservicename": service,
        "aws:sourcearn": source_arn,
        "aws:sourceaccount": account,
        "aws:sourceowner": account,
    }
    wanted = [(action, resource)]
    if key_arn := _key_of_messages(resource):
        wanted += [("kms:GenerateDataKey", key_arn), ("kms:Decrypt", key_arn)]
    for each, arn in wanted:
        policy = _resource_policy(each, arn) or []
        if evaluate(policy, AccessRequest(service, each, arn, context)) is not Effect.ALLOW:
            raise NotAuthorized(
                f"{service} is not authorized to perform: {each} on resource: {arn} because no resource-based policy "
                f"allows the {each} action for {source_arn}"
            )


def _with_global_keys(principal: str, context: Mapping[str, str]) -> dict[str, str]:
    return {
        "aws:principalarn": principal,
        "aws:principalaccount": account_of(principal) or "",
        "aws:resourceaccount": account_of(principal) or "",
        # The local endpoint stands for AWS's, which is reached by TLS.
        "aws:securetransport": "true",
        "s3:tlsversion": "1.3",
        "aws:sourceip": "127.0.0.1",
        "aws:principalisawsservice": "false",
        "aws:viaawsservice": "false",
        **context,
    }


def _resource_policy(action: str, resource: str | None) -> list[Statement] | None:
    """Return the statements of the resource's own policy, ``None`` where it has none."""
    if resource is None:
        return None
    if action == "sts:AssumeRole":
        return _trust_policy(resource)
    if action.startswith("kms:"):
        return _key_policy(resource)
    if action.startswith("s3:"):
        return _bucket_policy(resource)
    if action.startswith("sns:"):
        return _topic_policy(resource)
    if action.startswith("sqs:"):
        return _queue_policy(resource)
    return None


def _trust_policy(role_arn: str) -> list[Statement]:
    try:
        role = iam_backends[account_of(role_arn) or ""]["aws"].get_role_by_arn(role_arn)
    except NotFoundException:
        return []
    return statements_of(json.loads(role.assume_role_policy_document))


def _key_policy(key_arn: str) -> list[Statement]:
    _, _, _, region, account, _ = key_arn.split(":", 5)
    backend = kms_backends[account][region]
    try:
        policy = backend.get_key_policy(backend.any_id_to_key_id(key_arn))
    except (KeyError, TypeError, AttributeError):
        return []
    return statements_of(policy if isinstance(policy, dict) else json.loads(policy))


def _topic_policy(arn: str) -> list[Statement] | None:
    topic = _topic(arn)
    return statements_of(json.loads(topic.policy)) if topic else None


def _topic(arn: str) -> Topic | None:
    _, _, _, region, account, _ = arn.split(":", 5)
    return sns_backends[account][region].topics.get(arn)


def _queue_policy(arn: str) -> list[Statement] | None:
    queue = _queue(arn)
    return statements_of(json.loads(queue.policy)) if queue and queue.policy else None


def _queue(arn: str) -> Queue | None:
    _, _, _, region, account, name = arn.split(":", 5)
    return sqs_backends[account][region].queues.get(name)


def _key_of_messages(arn: str) -> str | None:
    """Return the ARN of the key that encrypts a topic's or a queue's messages, ``None`` where none does."""
    _, _, service, region, account, _ = arn.split(":", 5)
    holder = {"sns": _topic, "sqs": _queue}[service](arn)
    key_id = getattr(holder, "kms_master_key_id", None)
    return (key_id if key_id.startswith("arn:") else f"arn:aws:kms:{region}:{account}:key/{key_id}") if key_id else None


def _bucket_policy(arn: str) -> list[Statement] | None:
    bucket = _bucket(arn)
    return statements_of(json.loads(bucket.policy)) if bucket and bucket.policy else None


def _bucket(arn: str) -> FakeBucket | None:
    name = arn.split(":::", 1)[1].split("/", 1)[0]
    for account in list(s3_backends.values()):
        bucket = account["aws"].buckets.get(name)
        if bucket:
            return bucket
    return None


def _check(request: access_control.IAMRequestBase, resource: str) -> None:
    """Hold one authenticated request of moto's against every policy that has a say."""
    api = ApiRequest(
        service=request._service,
        operation=request._action.split(":", 1)[1],
        region=request._region,
        account=request.account_id,
        path=request._path,
        parameters=parameters_of(request._data, b"" if request._service == "s3" else request._body),
    )
    if api.action in _OPEN_TO_ALL:
        return
    identity = [
        statement for policy in request._access_key.collect_policies() for statement in statements_of(_document(policy))
    ]
    principal = request._access_key.arn
    context = api.context
    own_resource = resource if api.service == "s3" else api.resource
    for arn in _deleted_objects(request, resource) or (own_resource,):
        for action in (api.action, *api.further_actions):
            require(principal=principal, identity=identity, action=action, resource=arn, context=context)
    for role_arn in api.passed_roles:
        passed = {**context, "iam:passedtoservice": f"{api.service}.amazonaws.com"}
        require(principal=principal, identity=identity, action="iam:PassRole", resource=role_arn, context=passed)
    key_actions = _KEY_ACTIONS.get(api.action)
    if key_actions and own_resource and (key_arn := _key_of_messages(own_resource)):
        via = {**context, "kms:viaservice": f"{api.service}.{api.region}.amazonaws.com"}
        for action in key_actions:
            require(principal=principal, identity=identity, action=action, resource=key_arn, context=via)
    if api.service == "s3":
        via = {**context, "kms:viaservice": f"s3.{api.region}.amazonaws.com"}
        key_arn, actions = _key_of_object(request, resource)
        for action in actions:
            require(principal=principal, identity=identity, action=action, resource=key_arn, context=via)


def _document(policy: Any) -> dict[str, Any]:
    """Return a policy's document from any of the forms in which moto keeps it."""
    if isinstance(policy, Policy):
        policy = next(version.document for version in policy.versions if version.is_default)
    if isinstance(policy, dict):
        return _document(policy["policy_document"]) if "policy_document" in policy else policy
    document: dict[str, Any] = json.loads(policy)
    return document


def _deleted_objects(request: access_control.IAMRequestBase, resource: str) -> list[str]:
    """Return the ARNs that a DeleteObjects call names in its body."""
    if request._service != "s3" or request._method != "POST" or request._action != "s3:DeleteObject":
        return []
    return [f"{resource}/{key}" for key in re.findall(r"<Key>(.*?)</Key>", request._body.decode())]


def _key_of_object(request: access_control.IAMRequestBase, resource: str) -> tuple[str | None, list[str]]:
    """Return the KMS key behind an object and what reading or writing the object asks of it.

    See https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingKMSEncryption.html.
    """
    bucket = _bucket(resource)
    key_name = resource.partition("/")[2]
    if bucket is None or not key_name:
        return None, []
    if request._method == "GET" and request._action in ("s3:GetObject", "s3:GetObjectVersion"):
        stored = bucket.keys.get(key_name)
        return _key_arn(stored.kms_key_id if stored else None, request), ["kms:Decrypt"] * bool(
            stored and stored.kms_key_id
        )
    if request._action == "s3:PutObject":
        default = (bucket.encryption or {}).get("Rule", {}).get("ApplyServerSideEncryptionByDefault", {})
        named = request._headers.get("x-amz-server-side-encryption-aws-kms-key-id")
        key_id = named or default.get("KMSMasterKeyID")
        multipart = "uploadId=" in request._path or "uploads" in request._path
        actions = ["kms:GenerateDataKey", "kms:Decrypt"] if multipart else ["kms:GenerateDataKey"]
        return _key_arn(key_id, request), actions if key_id else []
    return None, []


def _key_arn(key_id: str | None, request: access_control.IAMRequestBase) -> str | None:
    if key_id is None or key_id.startswith("arn:"):
        return key_id
    return f"arn:aws:kms:{request._region}:{request.account_id}:key/{key_id}"


def _authenticate_and_authorize(self: BaseResponse, iam_request_cls: type, resource: str = "*") -> None:
    """Stand in for moto's method of that name: the same authentication, then :func:`_check`."""
    is_s3 = self.service_name == "s3"
    if "Authorization" not in self.headers:
        signed = parse_qs(urlsplit(self.uri).query)
        if is_s3 and ("X-Amz-Signature" in signed or "Signature" in signed):
            return  # A presigned URL: made by somebody who could sign it.
        if self.service_name == "cloudformation" and "/cfnresponse" in self.path:
            return  # A custom resource's answer; the request's id is the secret.
        message = "Missing Authentication Token"
        raise _S3NotAuthorized(resource, message) if is_s3 else NotAuthorized(message)
    url = urlsplit(self.uri)
    request = iam_request_cls(
        account_id=self.current_account,
        method=self.method,
        path=self.raw_path + (f"?{url.query}" if url.query else ""),
        data=self.data,
        body=self.raw_body,
        headers=self.headers,
        action=self._get_action(),
    )
    request.check_signature()
    try:
        _check(request, resource)
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

"""SNS topic for notifications of an environment."""

import re
from collections.abc import Sequence

from aws_cdk import Annotations, ArnFormat, Aws, Stack, aws_iam, aws_kms, aws_sns, aws_sns_subscriptions

from constructs import Construct
from constructs.common.grants import grant

# Reserved domains: https://www.rfc-editor.org/rfc/rfc2606 and https://www.rfc-editor.org/rfc/rfc6761.
_NOBODYS = re.compile(r"[@.](example\.(com|net|org)|example|invalid|localhost|test)\.?$", re.IGNORECASE)


class Notifications(Construct):
    """Encrypted topic with email subscriptions.

    Attributes:
        topic: SNS topic.
        topic_arn: ARN of the topic.
    """

    def __init__(self, scope: Construct, id: str, *, key: aws_kms.IKey, emails: Sequence[str]) -> None:
        super().__init__(scope, id)
        self._key = key
        self.topic = aws_sns.Topic(self, "Topic", display_name="Topicsmith", master_key=key, enforce_ssl=True)
        for email in emails:
            self.topic.add_subscription(aws_sns_subscriptions.EmailSubscription(email))
        self._warn_of([email for email in emails if _NOBODYS.search(email)])
        self.topic_arn = self.topic.topic_arn

    def grant_publish(self, grantee: aws_iam.IGrantable) -> None:
        """Allow publishing messages."""
        grant(grantee, actions=["sns:Publish"], resources=[self.topic_arn])
        self._key.grant(grantee, "kms:Decrypt", "kms:GenerateDataKey")

    def let_alarms_publish(self, prefix: str) -> None:
        """Allow CloudWatch to publish for the account's alarms whose names begin with ``<prefix>-``."""
        alarms = Stack.of(self).format_arn(
            service="cloudwatch",
            resource="alarm",
            resource_name=f"{prefix}-*",
            arn_format=ArnFormat.COLON_RESOURCE_NAME,
        )
        self._let_service_publish("cloudwatch.amazonaws.com", alarms)

    def let_budgets_publish(self, prefix: str) -> None:
        """Allow AWS Budgets to publish for the account's budgets whose names begin with the prefix."""
        budgets = f"arn:{Aws.PARTITION}:budgets::{Aws.ACCOUNT_ID}:budget/{prefix}*"
        self._let_service_publish("budgets.amazonaws.com", budgets)

    def _warn_of(self, unheard: Sequence[str]) -> None:
        if unheard:
            Annotations.of(self).add_warning_v2(
                "topicsmith:unheard-notifications",
                f"Mail to {', '.join(unheard)} is not delivered: the domain is reserved for examples. Set the "
                "environment's notifications.emails to addresses that should receive alarms and failed runs.",
            )

    def _let_service_publish(self, service: str, source: str) -> None:
        """Allow an AWS service to publish and encrypt messages for these resources only.

        See https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html#compatibility-with-aws-services.
        """
        principal = aws_iam.ServicePrincipal(service)
        conditions = {"StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID}, "ArnLike": {"aws:SourceArn": source}}
        self.topic.add_to_resource_policy(
            aws_iam.PolicyStatement(
                principals=[principal], actions=["sns:Publish"], resources=[self.topic_arn], conditions=conditions
            )
        )
        self._key.add_to_resource_policy(
            aws_iam.PolicyStatement(
                principals=[principal],
                actions=["kms:Decrypt", "kms:GenerateDataKey*"],
                # In a key policy, "*" means the key itself.
                resources=["*"],
                conditions=conditions,
            )
        )

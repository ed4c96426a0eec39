"""Where the environment tells people what they should know."""

from collections.abc import Sequence

from aws_cdk import aws_iam, aws_kms, aws_sns, aws_sns_subscriptions

from constructs import Construct
from constructs.grants import grant


class Notifications(Construct):
    """An encrypted topic, and who is told.

    Attributes:
        topic_arn: the topic's ARN.
    """

    def __init__(self, scope: Construct, id: str, *, key: aws_kms.IKey, emails: Sequence[str]) -> None:
        super().__init__(scope, id)
        self._key = key
        topic = aws_sns.Topic(self, "Topic", display_name="Topicsmith", master_key=key, enforce_ssl=True)
        for email in emails:
            topic.add_subscription(aws_sns_subscriptions.EmailSubscription(email))
        self.topic_arn = topic.topic_arn

    def grant_publish(self, grantee: aws_iam.IGrantable) -> None:
        """Let the grantee send messages."""
        grant(grantee, actions=["sns:Publish"], resources=[self.topic_arn])
        self._key.grant(grantee, "kms:Decrypt", "kms:GenerateDataKey")

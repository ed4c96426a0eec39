"""SNS topics: their CloudFormation resource types, and a file of all published messages instead of mailboxes."""

import json
import threading
from typing import Any

from moto.core.utils import utcnow
from moto.sns.models import SNSBackend, Topic, sns_backends

from localcloud.core.resource_model import ResourceModel
from localcloud.core.settings import MESSAGES_FILE, state_dir

_lock = threading.Lock()


class SnsResource(ResourceModel):
    """Base of SNS resources."""

    @property
    def backend(self) -> SNSBackend:
        """SNS backend of the stack's account and region."""
        return sns_backends[self.account_id][self.region_name]


class TopicResource(SnsResource):
    """``AWS::SNS::Topic``; moto deletes a changed topic with its subscriptions."""

    TYPE = "AWS::SNS::Topic"

    @property
    def physical_resource_id(self) -> str:
        """The topic's ARN."""
        return f"arn:aws:sns:{self.region_name}:{self.account_id}:{self.name}"

    def get_cfn_attribute(self, attribute_name: str) -> str:
        """Return the topic's ARN or its name."""
        return {"TopicArn": self.physical_resource_id, "TopicName": self.name}[attribute_name]

    def put(self) -> None:
        """Create the topic, or change its display name, key, subscriptions and tags."""
        self.name = self.properties.get("TopicName", self.name)
        tags = {tag["Key"]: tag["Value"] for tag in self.properties.get("Tags", [])}
        topic = self.backend.create_topic(self.name, {}, tags)
        topic.display_name = self.properties.get("DisplayName", "")
        topic.kms_master_key_id = self.properties.get("KmsMasterKeyId", "")
        topic._tags = tags
        for subscription in self.properties.get("Subscription", []):
            self.backend.subscribe(topic.arn, subscription["Endpoint"], subscription["Protocol"])

    def remove(self) -> None:
        """Delete the topic with its subscriptions."""
        self.backend.delete_topic(self.physical_resource_id)


class SubscriptionResource(SnsResource):
    """``AWS::SNS::Subscription``."""

    TYPE = "AWS::SNS::Subscription"
    arn = ""

    @property
    def physical_resource_id(self) -> str:
        """The subscription's ARN."""
        return self.arn

    def put(self) -> None:
        """Subscribe; an update creates a new subscription."""
        topic_arn, endpoint, protocol = (self.properties[key] for key in ("TopicArn", "Endpoint", "Protocol"))
        self.arn = str(self.backend.subscribe(topic_arn, endpoint, protocol).arn)

    def remove(self) -> None:
        """Unsubscribe."""
        self.backend.unsubscribe(self.arn)


class TopicPolicyResource(SnsResource):
    """``AWS::SNS::TopicPolicy``."""

    TYPE = "AWS::SNS::TopicPolicy"

    def put(self) -> None:
        """Attach the policy to its topics."""
        for arn in self.properties["Topics"]:
            self.backend.get_topic(arn).policy = json.dumps(self.properties["PolicyDocument"])


def install() -> None:
    """Keep the messages that are published."""
    known_to_moto = Topic.publish

    def publish(self: Topic, message: str, subject: str | None = None, *args: Any, **kwargs: Any) -> str:
        message_id = known_to_moto(self, message, subject, *args, **kwargs)
        _keep(self, message, subject, message_id)
        return message_id

    Topic.publish = publish  # type: ignore[method-assign]


def _keep(topic: Topic, message: str, subject: str | None, message_id: str) -> None:
    subscriptions, _ = topic.sns_backend.list_subscriptions_by_topic(topic_arn=topic.arn)
    sent = {
        "time": f"{utcnow():%Y-%m-%dT%H:%M:%SZ}",
        "topic": topic.arn,
        "message_id": message_id,
        "subject": subject,
        "message": message,
        "subscriptions": [{"protocol": item.protocol, "endpoint": item.endpoint} for item in subscriptions],
    }
    with _lock, (state_dir() / MESSAGES_FILE).open("a", encoding="utf-8") as file:
        file.write(json.dumps(sent) + "\n")

import json
import uuid

import pytest
from botocore.exceptions import ClientError

from tests.localcloud.support import SmallCloud


def test_dead_letters_return_to_their_queue(cloud: SmallCloud) -> None:
    sqs, name = cloud.client("sqs"), f"queue-{uuid.uuid4().hex[:8]}"

    def create(queue: str, **attributes: str) -> tuple[str, str]:
        url = sqs.create_queue(QueueName=queue, Attributes=attributes)["QueueUrl"]
        found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]
        return url, found["QueueArn"]

    dead_url, dead_arn = create(f"{name}-dead")
    sqs.send_message(QueueUrl=dead_url, MessageBody="approved")
    with pytest.raises(ClientError, match="must be configured as a Dead Letter Queue"):
        sqs.start_message_move_task(SourceArn=dead_arn)
    policy = json.dumps({"deadLetterTargetArn": dead_arn, "maxReceiveCount": 2})
    url, _ = create(name, RedrivePolicy=policy)
    assert sqs.start_message_move_task(SourceArn=dead_arn)["TaskHandle"]
    (message,) = sqs.receive_message(QueueUrl=url, AttributeNames=["ApproximateReceiveCount"])["Messages"]
    assert (message["Body"], message["Attributes"]["ApproximateReceiveCount"]) == ("approved", "1")
    assert "Messages" not in sqs.receive_message(QueueUrl=dead_url)
    (task,) = sqs.list_message_move_tasks(SourceArn=dead_arn)["Results"]
    assert (task["Status"], task["ApproximateNumberOfMessagesMoved"]) == ("COMPLETED", 1)
    with pytest.raises(ClientError, match="doesn't exist"):
        sqs.start_message_move_task(SourceArn=f"{dead_arn}-missing")

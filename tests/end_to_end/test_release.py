"""Two models approved in succession, served by the same endpoint."""

import json
import subprocess
from pathlib import Path
from typing import Any

from tests.end_to_end.command_line import Operator
from tests.end_to_end.conftest import Clients


def test_a_new_approval_takes_over_without_a_failed_request(
    small_run: Any, second_run: Any, small: Operator, clients: Clients
) -> None:
    first = small_run["model_version"]
    small("approve", str(first), "--wait")
    checked = small("check", "--served")
    assert (checked["model_version"], [variant["topics"] for variant in checked["variants"]]) == (first, [4])
    second = second_run["model_version"]
    runtime = clients("sagemaker-runtime")

    def topics_served() -> int:
        body = json.dumps({"instances": ["the harbour and the vessel"]})
        answer = runtime.invoke_endpoint(EndpointName="topicsmith-small", ContentType="application/json", Body=body)
        return len(json.load(answer["Body"])["predictions"][0]["topic_weights"])

    served = [topics_served()]
    approval = subprocess.Popen(
        small.command("approve", str(second), "--wait"),
        env=small.environ,
        cwd=Path(__file__).parents[2],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    while approval.poll() is None:
        served.append(topics_served())
    assert approval.returncode == 0
    served.append(topics_served())
    assert served == sorted(served, reverse=True)
    assert (served[0], served[-1]) == (4, 3)

import json
import uuid

import pytest
from botocore.exceptions import ClientError

from tests.localcloud.support import SmallCloud, wait_for


def test_a_stacks_saved_query_is_found_by_its_name(cloud: SmallCloud) -> None:
    logs, stacks, name = cloud.client("logs"), cloud.client("cloudformation"), f"query-{uuid.uuid4().hex[:8]}"

    def template(text: str) -> str:
        properties = {"Name": f"{name}/run", "QueryString": text, "LogGroupNames": ["/aws/sagemaker/TrainingJobs"]}
        return json.dumps({"Resources": {"Query": {"Type": "AWS::Logs::QueryDefinition", "Properties": properties}}})

    def settled(status: str) -> None:
        wait_for(lambda: stacks.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"] == status)

    def saved() -> list[dict[str, object]]:
        found: list[dict[str, object]] = logs.describe_query_definitions(queryDefinitionNamePrefix=name)[
            "queryDefinitions"
        ]
        return found

    stacks.create_stack(StackName=name, TemplateBody=template("fields @message"))
    settled("CREATE_COMPLETE")
    (query,) = saved()
    assert (query["queryString"], query["logGroupNames"]) == ("fields @message", ["/aws/sagemaker/TrainingJobs"])
    stacks.update_stack(StackName=name, TemplateBody=template("fields @log"))
    settled("UPDATE_COMPLETE")
    (changed,) = saved()
    assert (changed["queryString"], changed["queryDefinitionId"]) == ("fields @log", query["queryDefinitionId"])
    stacks.delete_stack(StackName=name)
    wait_for(lambda: not saved())
    with pytest.raises(ClientError, match="does not exist"):
        logs.delete_query_definition(queryDefinitionId=query["queryDefinitionId"])

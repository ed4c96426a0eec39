"""Saved queries of CloudWatch Logs Insights, which moto lacks.

See https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutQueryDefinition.html.
"""

import time
import uuid
from typing import Any

from moto.core.responses import ActionResult
from moto.logs.exceptions import ResourceNotFoundException
from moto.logs.models import LogsBackend, logs_backends
from moto.logs.responses import LogsResponse

from localcloud.core.resource_model import ResourceModel


def _definitions(backend: LogsBackend) -> dict[str, dict[str, Any]]:
    """Return the saved queries by ID."""
    found: dict[str, dict[str, Any]] = backend.__dict__.setdefault("query_definitions", {})
    return found


def put(backend: LogsBackend, definition: dict[str, Any]) -> str:
    """Create a saved query, or replace the one with its ID, and return the ID.

    Raises:
        ResourceNotFoundException: There is none with its ID.
    """
    known, given = _definitions(backend), definition.get("queryDefinitionId")
    if given and given not in known:
        raise ResourceNotFoundException("The specified query definition does not exist.")
    id_ = given or str(uuid.uuid4())
    known[id_] = {**definition, "queryDefinitionId": id_, "lastModified": int(time.time() * 1000)}
    return str(id_)


def _put_query_definition(self: LogsResponse) -> ActionResult:
    """Handle PutQueryDefinition."""
    members = ("queryLanguage", "name", "queryDefinitionId", "logGroupNames", "queryString")
    definition = {name: value for name in members if (value := self._get_param(name)) is not None}
    return ActionResult({"queryDefinitionId": put(self.logs_backend, definition)})


def _describe_query_definitions(self: LogsResponse) -> ActionResult:
    """Handle DescribeQueryDefinitions."""
    prefix = self._get_param("queryDefinitionNamePrefix") or ""
    found = [one for one in _definitions(self.logs_backend).values() if one["name"].startswith(prefix)]
    return ActionResult({"queryDefinitions": sorted(found, key=lambda one: str(one["name"]))})


def _delete_query_definition(self: LogsResponse) -> ActionResult:
    """Handle DeleteQueryDefinition."""
    if _definitions(self.logs_backend).pop(self._get_param("queryDefinitionId"), None) is None:
        raise ResourceNotFoundException("The specified query definition does not exist.")
    return ActionResult({"success": True})


class QueryDefinition(ResourceModel):
    """``AWS::Logs::QueryDefinition``, whose physical ID is the query's."""

    TYPE = "AWS::Logs::QueryDefinition"
    _id: str | None = None

    @property
    def physical_resource_id(self) -> str:
        """The value of ``Ref``."""
        return self._id or self.name

    def put(self) -> None:
        """Save the query."""
        members = {"name": "Name", "queryString": "QueryString", "logGroupNames": "LogGroupNames"}
        definition = {name: self.properties[key] for name, key in members.items() if key in self.properties}
        known = _definitions(self._logs)
        same = [id_ for id_, one in known.items() if one["name"] == definition["name"]]
        self._id = put(self._logs, {**definition, **({"queryDefinitionId": same[0]} if same else {})})

    def remove(self) -> None:
        """Delete the query."""
        _definitions(self._logs).pop(self.physical_resource_id, None)

    @property
    def _logs(self) -> LogsBackend:
        return logs_backends[self.account_id][self.region_name]


def install() -> None:
    """Add the operations to moto's CloudWatch Logs."""
    LogsResponse.put_query_definition = _put_query_definition  # type: ignore[attr-defined]
    LogsResponse.describe_query_definitions = _describe_query_definitions  # type: ignore[attr-defined]
    LogsResponse.delete_query_definition = _delete_query_definition  # type: ignore[attr-defined]

"""CloudFormation resources of CloudWatch Logs."""

from moto.logs.models import LogsBackend, logs_backends

from localcloud.core.resource_model import ResourceModel


class LogGroup(ResourceModel):
    """``AWS::Logs::LogGroup``; moto's ARN lacks CloudFormation's ``:*`` at the end."""

    TYPE = "AWS::Logs::LogGroup"

    def get_cfn_attribute(self, attribute_name: str) -> str:
        """Return the ARN of the group and its streams."""
        return f"arn:aws:logs:{self.region_name}:{self.account_id}:log-group:{self.name}:*"

    def put(self) -> None:
        """Create the group, or change its retention."""
        self.name = self.properties.get("LogGroupName", self.name)
        if self.name not in self._logs.groups:
            self._logs.create_log_group(
                self.name, {tag["Key"]: tag["Value"] for tag in self.properties.get("Tags", [])}
            )
        self._logs.groups[self.name].set_retention_policy(self.properties.get("RetentionInDays"))

    def remove(self) -> None:
        """Delete the group with its streams."""
        self._logs.delete_log_group(self.name)

    @property
    def _logs(self) -> LogsBackend:
        return logs_backends[self.account_id][self.region_name]

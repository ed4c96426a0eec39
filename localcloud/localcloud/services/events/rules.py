"""EventBridge rules that reach functions, queues and topics; moto's reach no functions and check no permissions."""

import copy
import logging
from typing import Any

import moto.events.models as moto_events
from moto.core.common_models import CloudFormationModel
from moto.events.models import Rule, events_backends
from moto.events.utils import EventMessageType

from localcloud.services.events import targets
from localcloud.services.events.targets import UndeliverableError

logger = logging.getLogger(__name__)


class LocalRule(Rule, CloudFormationModel):
    """A rule that delivers to its targets, if they allow EventBridge."""

    def send_to_targets(self, original_event: EventMessageType, transform_input: bool = True) -> None:
        """Send a matching event to every target; a failed delivery is logged and skipped."""
        pattern = self.event_pattern
        try:
            matches = self.state == "ENABLED" and pattern.get_pattern() and pattern.matches_event(original_event)
        except Exception:  # The sender of the event might swallow it.
            logger.exception("The pattern of rule %s cannot be matched against an event", self.name)
            return
        if matches:
            self._send(original_event, transform_input)

    def fire(self, event: EventMessageType) -> None:
        """Send a schedule's event to every target; a failed delivery is logged and skipped."""
        self._send(event, transform_input=True)

    def _send(self, event: EventMessageType, transform_input: bool) -> None:
        for target in self.targets:
            try:
                if targets.is_known(target):
                    self._deliver(target, event)
                else:
                    self._send_as_moto(target, event, transform_input)
            except Exception:
                logger.exception("Rule %s could not reach %s", self.name, target["Arn"])

    def _deliver(self, target: dict[str, Any], event: EventMessageType) -> None:
        try:
            targets.deliver(self.arn, target, event)
        except UndeliverableError as error:
            logger.warning("Rule %s could not reach %s: %s", self.name, target["Arn"], error)
            if "DeadLetterConfig" in target:
                targets.send_to_dead_letter_queue(self.arn, target, event, error)

    @classmethod
    def delete_from_cloudformation_json(
        cls, resource_name: str, cloudformation_json: Any, account_id: str, region_name: str
    ) -> None:
        """Delete a template's rule, its targets first."""
        bus = cloudformation_json["Properties"].get("EventBusName")
        rule = events_backends[account_id][region_name].describe_rule(resource_name, bus)
        rule.remove_targets([target["Id"] for target in list(rule.targets)])
        super().delete_from_cloudformation_json(resource_name, cloudformation_json, account_id, region_name)

    def _send_as_moto(self, target: dict[str, Any], event: EventMessageType, transform_input: bool) -> None:
        alone = copy.copy(self)
        alone.targets = [target]
        Rule.send_to_targets(alone, event, transform_input)


def install() -> None:
    """Make moto's rules reach their targets."""
    moto_events.Rule = LocalRule  # type: ignore[misc]

"""EventBridge rules that reach Lambda functions; moto's reach queues and log groups only."""

import copy
import json
import logging
from datetime import UTC, datetime
from typing import Any

import moto.events.models as moto_events
from moto.awslambda.models import lambda_backends
from moto.core.common_models import CloudFormationModel
from moto.events.models import Rule, events_backends
from moto.events.utils import EventMessageType, EventTemplateParser

from topicsmith.local.functions import LocalFunction
from topicsmith.local.policy import AccessRequest, Effect, account_of, evaluate

logger = logging.getLogger(__name__)


class LocalRule(Rule, CloudFormationModel):
    """A rule whose Lambda targets are invoked."""

    def send_to_targets(self, original_event: EventMessageType, transform_input: bool = True) -> None:
        """Send an event that matches to every target; one that cannot be reached is noted and passed over."""
        pattern = self.event_pattern
        try:
            matches = self.state == "ENABLED" and pattern.get_pattern() and pattern.matches_event(original_event)
        except Exception:  # Who sends the event may swallow this.
            logger.exception("The pattern of rule %s cannot be held against an event", self.name)
            return
        if matches:
            self._send(original_event, transform_input)

    def fire(self, event: EventMessageType) -> None:
        """Send the event of a schedule to every target; one that cannot be reached is noted and passed over."""
        self._send(event, transform_input=True)

    def _send(self, event: EventMessageType, transform_input: bool) -> None:
        for target in self.targets:
            try:
                if ":lambda:" in target["Arn"]:
                    self._invoke(target, event)
                else:
                    self._send_as_moto(target, event, transform_input)
            except Exception:
                logger.exception("Rule %s could not reach %s", self.name, target["Arn"])

    @classmethod
    def delete_from_cloudformation_json(
        cls, resource_name: str, cloudformation_json: Any, account_id: str, region_name: str
    ) -> None:
        """Delete a rule of a template, its targets first."""
        bus = cloudformation_json["Properties"].get("EventBusName")
        rule = events_backends[account_id][region_name].describe_rule(resource_name, bus)
        rule.remove_targets([target["Id"] for target in list(rule.targets)])
        super().delete_from_cloudformation_json(resource_name, cloudformation_json, account_id, region_name)

    def _send_as_moto(self, target: dict[str, Any], event: EventMessageType, transform_input: bool) -> None:
        alone = copy.copy(self)
        alone.targets = [target]
        Rule.send_to_targets(alone, event, transform_input)

    def _invoke(self, target: dict[str, Any], event: EventMessageType) -> None:
        _, _, _, region, account, _, name = target["Arn"].split(":", 6)
        function = lambda_backends[account][region].get_function(name)
        if not isinstance(function, LocalFunction):
            raise TypeError(f"{name} was not created by the local cloud.")
        if not _may_invoke(function, self.arn):
            logger.warning("Rule %s may not invoke %s: no permission for events.amazonaws.com", self.name, name)
            return
        function.invoke_later(_input_of(target, event))


def install() -> None:
    """Make moto's rules reach Lambda functions."""
    moto_events.Rule = LocalRule  # type: ignore[misc]


def _may_invoke(function: LocalFunction, rule_arn: str) -> bool:
    """Return whether the function's resource policy lets EventBridge invoke it for this rule."""
    context = {"aws:sourcearn": rule_arn, "aws:sourceaccount": account_of(rule_arn) or ""}
    request = AccessRequest("events.amazonaws.com", "lambda:InvokeFunction", function.function_arn, context)
    return evaluate(function.policy.statements, request) is Effect.ALLOW


def _input_of(target: dict[str, Any], event: EventMessageType) -> str:
    """Return what a target gets, as JSON: a constant, something made of the event, or the event."""
    if "Input" in target:
        return str(target["Input"])
    if "InputTransformer" in target:
        transformer = target["InputTransformer"]
        paths = transformer.get("InputPathsMap", {})
        return json.dumps(EventTemplateParser.parse(transformer["InputTemplate"], paths, event))
    whole = {key: value for key, value in event.items() if key != "ingestion-time"}
    if not isinstance(whole["time"], str):
        whole["time"] = f"{datetime.fromtimestamp(float(str(whole['time'])), UTC):%Y-%m-%dT%H:%M:%SZ}"
    return json.dumps(whole)

"""Checks of the endpoint against SageMaker's restrictions."""

import math
from collections.abc import Iterator

from stacks.config.sections.base import Conflicts, conflict
from stacks.config.sections.environment import EnvironmentFields

_NO_INSTANCES = "a serverless endpoint has no instances"
_INSTANCES = "or serving.mode: instances"
_OF_INSTANCES = (
    "instance_type",
    "min_instances",
    "max_instances",
    "autoscaling",
    "invocations_per_instance",
    "cpu_target",
    "scale_in_cooldown_seconds",
    "scale_out_cooldown_seconds",
)


def serving_conflicts(config: EnvironmentFields) -> Conflicts:
    """Return the conflicts of the endpoint settings."""
    if config.serving.mode == "serverless":
        yield from _serverless(config)
    else:
        yield from _instances(config)
        yield from _shift(config)
        yield from _watched(config)
        yield from _update_times(config)
    yield from _weights(config)
    yield from _regions(config)


def fleets(config: EnvironmentFields) -> Iterator[tuple[str, int, int]]:
    """Yield each possible fleet: the key of its minimum, and its minimum and maximum number of instances."""
    serving = config.serving
    yield "serving.min_instances", serving.min_instances, serving.max_instances
    for index, change in enumerate(serving.scheduled_scaling):
        yield f"serving.scheduled_scaling.{index}.min_instances", change.min_instances, change.max_instances
    for index, variant in enumerate(serving.variants):
        yield f"serving.variants.{index}.min_instances", variant.min_instances, variant.max_instances


def _serverless(config: EnvironmentFields) -> Conflicts:
    """Return the settings that SageMaker does not support for serverless endpoints.

    See https://docs.aws.amazon.com/sagemaker/latest/dg/serverless-endpoints.html, "Feature exclusions", and
    https://docs.aws.amazon.com/sagemaker/latest/dg/shadow-tests-exclusions.html.
    """
    serving = config.serving
    for name in _OF_INSTANCES:
        value = getattr(serving, name)
        if name in serving.model_fields_set and value is not None:
            yield conflict(f"serving.{name}", value, _NO_INSTANCES, f"no value, {_INSTANCES}")
    if serving.scheduled_scaling:
        names = [change.name for change in serving.scheduled_scaling]
        yield conflict("serving.scheduled_scaling", names, _NO_INSTANCES, f"no value, {_INSTANCES}")
    if serving.variants:
        names = [variant.name for variant in serving.variants]
        yield conflict("serving.variants", names, "a serverless endpoint has one variant", f"no value, {_INSTANCES}")
    if serving.shadow:
        reason = "a serverless endpoint cannot have a shadow variant"
        yield conflict("serving.shadow", serving.shadow.model_package, reason, f"null, {_INSTANCES}")
    if serving.data_capture.enabled:
        reason = "SageMaker does not capture data of serverless endpoints"
        yield conflict("serving.data_capture.enabled", True, reason, f"false, {_INSTANCES}")
    if "update" in serving.model_fields_set:
        said = serving.update.model_dump(exclude_unset=True)
        reason = "a serverless endpoint is always updated all at once"
        yield conflict("serving.update", said, reason, f"no value, {_INSTANCES}")


def _instances(config: EnvironmentFields) -> Conflicts:
    serving = config.serving
    if "serverless" in serving.model_fields_set:
        said = serving.serverless.model_dump(exclude_unset=True)
        yield conflict(
            "serving.serverless", said, "the endpoint has instances", "no value, or serving.mode: serverless"
        )
    if serving.shadow and serving.variants:
        # https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateEndpointConfig.html
        names = [variant.name for variant in serving.variants]
        reason = "an endpoint with a shadow variant has a single production variant"
        yield conflict("serving.variants", names, reason, "no value, or serving.shadow: null")


def _weights(config: EnvironmentFields) -> Conflicts:
    serving = config.serving
    if serving.weight + sum(variant.weight for variant in serving.variants) == 0:
        yield conflict(
            "serving.weight",
            serving.weight,
            "no variant would receive requests",
            "a weight above 0 for at least one variant",
        )


def _regions(config: EnvironmentFields) -> Conflicts:
    serving = config.serving
    packages = {"serving.model_package": serving.model_package}
    packages |= {f"serving.variants.{i}.model_package": one.model_package for i, one in enumerate(serving.variants)}
    packages["serving.shadow.model_package"] = serving.shadow.model_package if serving.shadow else None
    for key, arn in packages.items():
        if arn is not None and arn.split(":")[3] != config.region:
            yield conflict(
                key, arn, "an endpoint only serves models of its own region", f"a model package in {config.region}"
            )


def _shift(config: EnvironmentFields) -> Conflicts:
    """Return the conflicts between the size of the canary or steps and the size of the fleets.

    See https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_TrafficRoutingConfig.html.
    """
    update = config.serving.update
    if update.policy == "all_at_once":
        return
    there_may_be = list(fleets(config))
    for key, least, _ in there_may_be:
        if least < 2:
            reason = f"policy {update.policy} first shifts traffic to at most half of the instances"
            yield conflict(key, least, reason, "2 or more, or serving.update.policy: all_at_once")
    size, least = update.size_instances, min(least for _, least, _ in there_may_be)
    if size is None or least < 2:
        return
    if size > least // 2:
        reason = f"it is more than half of the smallest fleet, {least} instances"
        yield conflict("serving.update.size_instances", size, reason, f"{least // 2} or less")
    greatest = max(greatest for *_, greatest in there_may_be)
    if update.policy == "linear" and size * 10 < greatest:
        reason = f"it is less than a tenth of the largest fleet, {greatest} instances"
        allowed = f"{math.ceil(greatest / 10)} or more, or serving.update.size_percent"
        yield conflict("serving.update.size_instances", size, reason, allowed)


def _watched(config: EnvironmentFields) -> Conflicts:
    update, alarms = config.serving.update, config.alarms
    if update.policy == "all_at_once":
        return
    if not alarms.enabled:
        reason = "without alarms, nothing is monitored between the steps"
        yield conflict("serving.update.policy", update.policy, reason, "all_at_once, or alarms.enabled: true")
    elif update.wait_seconds < alarms.seconds_to_alarm:
        reason = "it is shorter than an alarm takes to go off"
        yield conflict("serving.update.wait_seconds", update.wait_seconds, reason, f"{alarms.seconds_to_alarm} or more")


def _update_times(config: EnvironmentFields) -> Conflicts:
    update = config.serving.update
    waits = _pauses(config) * update.wait_seconds + update.termination_wait_seconds
    if update.max_execution_seconds <= waits:
        reason = f"it does not exceed the pauses, {waits} seconds"
        yield conflict(
            "serving.update.max_execution_seconds", update.max_execution_seconds, reason, f"more than {waits}"
        )


def _pauses(config: EnvironmentFields) -> int:
    """Return the number of pauses in an update of the largest possible fleet."""
    update = config.serving.update
    if update.policy == "all_at_once":
        return 0
    if update.policy == "canary":
        return 1
    if update.size_percent is not None:
        return math.ceil(100 / update.size_percent) - 1
    greatest = max(greatest for *_, greatest in fleets(config))
    return math.ceil(greatest / (update.size_instances or 1)) - 1

"""Changes of scaled variants that SageMaker refuses until their scalable target is deregistered.

See https://docs.aws.amazon.com/sagemaker/latest/dg/endpoint-auto-scaling-delete.html.
"""

from collections.abc import Iterator, Mapping, Sequence

from topicsmith.diff.model.assembly import JsonObject
from topicsmith.diff.model.changes import Change, Risk
from topicsmith.diff.model.pairs import Resource, StackPair
from topicsmith.diff.model.values import shown

_CONFIG = "AWS::SageMaker::EndpointConfig"
_TARGET = "AWS::ApplicationAutoScaling::ScalableTarget"
_DIMENSION = "sagemaker:variant:DesiredInstanceCount"


def find(pair: StackPair) -> Iterator[Change]:
    """Yield the scaled variants of a stack that lose their name or get another instance type."""
    configs = [resource for resource in pair.resources if resource.type == _CONFIG]
    before = _variants([one.before() for one in configs])
    after = _variants([one.after() for one in configs])
    for name in _scaled(pair.resources):
        if name in before and before[name] != after.get(name):
            what = "is removed" if name not in after else "gets another instance type"
            yield Change(
                risk=Risk.BEHAVIOUR,
                rule="scaled-variant",
                message=f"The scaled variant {name} {what}: if a model is served, the deployment fails and rolls back.",
                details=(f"InstanceType: {shown(before[name])} → {shown(after.get(name, 'none'))}",),
                way_out="Deploy with serving.autoscaling: false first, then this change, then with autoscaling again.",
                order=0,
                resources=tuple(one.logical_id for one in configs if one.new is not None),
            )


def _variants(configs: Sequence[JsonObject]) -> Mapping[str, object]:
    """Return the instance types of production variants by name."""
    return {
        str(variant["VariantName"]): variant.get("InstanceType")
        for config in configs
        for variant in config.get("ProductionVariants", ())
    }


def _scaled(resources: Sequence[Resource]) -> Iterator[str]:
    """Yield the names of the variants that are scaled before the deployment."""
    for resource in resources:
        if resource.type == _TARGET and resource.before().get("ScalableDimension") == _DIMENSION:
            yield _variant_of(resource.before().get("ResourceId"))


def _variant_of(resource_id: object) -> str:
    """Return the variant's name from ``endpoint/<name>/variant/<name>``, which may be joined from parts."""
    while isinstance(resource_id, dict):
        resource_id = next(iter(resource_id.values()))
    while isinstance(resource_id, list):
        resource_id = resource_id[-1]
    return str(resource_id).rpartition("/")[2]

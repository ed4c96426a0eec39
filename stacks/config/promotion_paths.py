"""Promotion paths between environments, derived from all environment files."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from stacks.config.environment import EnvironmentConfig


@dataclass(frozen=True, kw_only=True)
class Neighbour:
    """Environment that models are promoted from or to.

    Attributes:
        environment: Name of the environment.
        config: Configuration of the environment.
    """

    environment: str
    config: EnvironmentConfig

    @property
    def name(self) -> str:
        """Name of the environment's registry and prefix of its stacks."""
        return f"topicsmith-{self.environment}"


@dataclass(frozen=True, kw_only=True)
class PromotionPath:
    """Promotion relations of one environment.

    Attributes:
        source: Environment whose models are promoted to this one.
        image_sources: Environments whose images promoted models may use. With multi-stage promotion there are several,
            since a registered copy keeps the image of the environment that trained it.
        image_readers: Environments whose models may use this environment's images.
        pinned_by: Environments that serve models from this environment's registry.
    """

    source: Neighbour | None = None
    image_sources: tuple[Neighbour, ...] = ()
    image_readers: tuple[Neighbour, ...] = ()
    pinned_by: tuple[Neighbour, ...] = ()


ALONE = PromotionPath()
"""Path of an environment without promotion."""


def promotion_paths(environments: Mapping[str, EnvironmentConfig]) -> dict[str, PromotionPath]:
    """Return the promotion path of each environment.

    Args:
        environments: All environments by name; ``promotion_conflicts`` must be empty for them.
    """
    neighbours = {name: Neighbour(environment=name, config=config) for name, config in environments.items()}
    sources = {name: tuple(_image_sources(neighbours, name)) for name in neighbours}
    return {
        name: PromotionPath(
            source=_source(neighbours, name),
            image_sources=sources[name],
            image_readers=tuple(other for key, other in neighbours.items() if neighbours[name] in sources[key]),
            pinned_by=tuple(
                other
                for other in neighbours.values()
                if other.config.promotion.source == name and other.config.promotion.method == "pin"
            ),
        )
        for name in neighbours
    }


def _source(neighbours: Mapping[str, Neighbour], name: str) -> Neighbour | None:
    source = neighbours[name].config.promotion.source
    return neighbours[source] if source else None


def _image_sources(neighbours: Mapping[str, Neighbour], name: str) -> Iterator[Neighbour]:
    source = _source(neighbours, name)
    while source:
        yield source
        # Models that the source pins are not in its registry and are not promoted further.
        registers = source.config.promotion.method == "register"
        source = _source(neighbours, source.environment) if registers else None

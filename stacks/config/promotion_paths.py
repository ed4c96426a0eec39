"""Which environments' models go where, as the files of all environments together say it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from stacks.config.environment import EnvironmentConfig


@dataclass(frozen=True, kw_only=True)
class Neighbour:
    """An environment from which, or to which, models are promoted.

    Attributes:
        environment: its name.
        config: what its file says.
    """

    environment: str
    config: EnvironmentConfig

    @property
    def name(self) -> str:
        """What its stacks and its registry are called."""
        return f"topicsmith-{self.environment}"


@dataclass(frozen=True, kw_only=True)
class PromotionPath:
    """Where one environment stands among the others.

    Attributes:
        source: the environment whose models are promoted to this one.
        image_sources: those whose images the promoted models may have. They are more than one where a model was
            registered on its way: it keeps the image of the environment that trained it.
        image_readers: those to which models with this environment's image may come.
        pinned_by: those that serve models out of this environment's registry.
    """

    source: Neighbour | None = None
    image_sources: tuple[Neighbour, ...] = ()
    image_readers: tuple[Neighbour, ...] = ()
    pinned_by: tuple[Neighbour, ...] = ()


ALONE = PromotionPath()
"""Of an environment from which and to which nothing is promoted."""


def promotion_paths(environments: Mapping[str, EnvironmentConfig]) -> dict[str, PromotionPath]:
    """Return the place of each environment.

    Args:
        environments: all of them by name, as ``promotion_conflicts`` finds nothing wrong with them.
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
        # What the source itself pins is not in its registry, from which models go on.
        registers = source.config.promotion.method == "register"
        source = _source(neighbours, source.environment) if registers else None

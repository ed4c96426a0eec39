"""Hyperparameter ranges of tuning."""

from typing import Annotated, Generic, Literal, TypeVar

from pydantic import Field, ValidationInfo, field_validator, model_validator

from constructs.pipeline.tuning_search import ListedValues, NumberRange, Scaling, TuningRanges
from stacks.config.sections.base import Also, Section, refuse
from stacks.config.sections.training import (
    Activation,
    LearningRate,
    MiniBatchSize,
    NumTopics,
    Optimizer,
    RescaleGradient,
    WeightDecay,
)

_SCALINGS: dict[str, Scaling] = {
    "auto": "Auto",
    "linear": "Linear",
    "log": "Logarithmic",
    "reverse_log": "ReverseLogarithmic",
}

# https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CategoricalParameterRange.html
_MOST_VALUES = 30

Choice = TypeVar("Choice")
Number = TypeVar("Number", int, float)


def _checked(values: tuple[Choice, ...]) -> tuple[Choice, ...]:
    if not values or len(set(values)) < len(values):
        raise refuse("no value or a duplicate one", "one or more different values")
    if len(values) > _MOST_VALUES:
        raise refuse(f"{len(values)} values", f"at most {_MOST_VALUES} values, or for numbers min and max")
    return values


class Choices(Section, Generic[Choice]):
    """Categorical range."""

    values: tuple[Choice, ...] = Field(
        strict=False,
        json_schema_extra={"minItems": 1, "maxItems": _MOST_VALUES, "uniqueItems": True},
        description="Values.",
    )

    @field_validator("values")
    @classmethod
    def _different(cls, values: tuple[Choice, ...]) -> tuple[Choice, ...]:
        return _checked(values)

    def __str__(self) -> str:
        """Return the choices as YAML writes them."""
        return f"{{values: [{', '.join(map(str, self.values))}]}}"

    def to_range(self) -> ListedValues:
        """Return the range for a tuning job."""
        return ListedValues(values=[str(value) for value in self.values])


class Numbers(Section, Generic[Number]):
    """Numeric range, given as an interval or a list."""

    min: Number | None = Field(default=None, description="Minimum.")
    max: Number | None = Field(default=None, description="Maximum.")
    scaling: Literal["auto", "linear", "log", "reverse_log"] = Field(
        default="auto", description="Scaling of the interval."
    )
    values: tuple[Number, ...] | None = Field(default=None, strict=False, description="Values, instead of an interval.")

    @field_validator("max")
    @classmethod
    def _above_min(cls, greatest: Number | None, info: ValidationInfo) -> Number | None:
        least = info.data.get("min")
        if greatest is not None and least is not None and greatest <= least:
            raise refuse("it is not greater than min", f"more than {least}")
        return greatest

    @field_validator("scaling")
    @classmethod
    def _fits(cls, scaling: str, info: ValidationInfo) -> str:
        least, greatest = info.data.get("min"), info.data.get("max")
        if scaling == "log" and least is not None and least <= 0:
            raise refuse(f"a logarithmic scale needs min above 0, but min is {least}", "auto, linear")
        if scaling == "reverse_log" and (isinstance(greatest, int) or (greatest is not None and greatest >= 1)):
            raise refuse("a reverse logarithmic scale is for fractions below 1", "auto, linear, log")
        return scaling

    @field_validator("values")
    @classmethod
    def _different(cls, values: tuple[Number, ...] | None) -> tuple[Number, ...] | None:
        return None if values is None else _checked(values)

    @model_validator(mode="after")
    def _either(self) -> "Numbers[Number]":
        interval = (self.min is not None) + (self.max is not None)
        if interval != (2 if self.values is None else 0):
            raise refuse("not a range", "min and max, or values")
        return self

    def __str__(self) -> str:
        """Return the range as YAML writes it."""
        if self.values is not None:
            return f"{{values: [{', '.join(map(str, self.values))}]}}"
        scaling = "" if self.scaling == "auto" else f", scaling: {self.scaling}"
        return f"{{min: {self.min}, max: {self.max}{scaling}}}"

    def to_range(self) -> NumberRange | ListedValues:
        """Return the range for a tuning job."""
        if self.values is not None:
            return ListedValues(values=[str(value) for value in self.values])
        return NumberRange(
            kind="Integer" if isinstance(self.min, int) else "Continuous",
            least=str(self.min),
            greatest=str(self.max),
            scaling=_SCALINGS[self.scaling],
        )


class TuningRangesConfig(Section):
    """Ranges of tuned hyperparameters; the defaults are AWS's recommendations.

    A range is an interval, `{min: 0.001, max: 0.1, scaling: log}`, with scaling auto, linear, log or reverse_log; a
    list, `{values: [64, 128]}`, as required by the strategy `grid`; or `null`, which disables tuning of the
    hyperparameter. A tuned hyperparameter must not be set in `training.hyperparameters`.

    See https://docs.aws.amazon.com/sagemaker/latest/dg/ntm-tuning.html.
    """

    encoder_layers_activation: Choices[Activation] | None = Field(
        default=Choices[Activation](values=("sigmoid", "tanh", "relu")),
        description="Activation of the encoder's layers.",
    )
    learning_rate: Numbers[LearningRate] | None = Field(
        default=Numbers[LearningRate](min=1e-4, max=0.1, scaling="log"), description="Learning rate of the optimizer."
    )
    mini_batch_size: Numbers[MiniBatchSize] | None = Field(
        default=Numbers[MiniBatchSize](min=16, max=2048), description="Batch size per host."
    )
    num_topics: Annotated[Numbers[NumTopics], Also("not with validation:total_loss")] | None = Field(
        default=None, description="Number of topics. If it is tuned, a run cannot override it."
    )
    optimizer: Choices[Optimizer] | None = Field(
        default=Choices[Optimizer](values=("sgd", "adam", "adadelta")), description="Optimizer."
    )
    rescale_gradient: Numbers[RescaleGradient] | None = Field(
        default=Numbers[RescaleGradient](min=0.1, max=1.0), description="Factor applied to gradients."
    )
    weight_decay: Numbers[WeightDecay] | None = Field(
        default=Numbers[WeightDecay](min=0.0, max=1.0), description="Weight of the L2 penalty."
    )

    @model_validator(mode="after")
    def _some(self) -> "TuningRangesConfig":
        if not self.to_ranges():
            raise refuse("nothing is tuned", "at least one range, or tuning.enabled: false")
        return self

    def to_ranges(self) -> TuningRanges:
        """Return the ranges of the tuned hyperparameters by name."""
        given = {name: getattr(self, name) for name in type(self).model_fields}
        return {name: range_.to_range() for name, range_ in given.items() if range_ is not None}

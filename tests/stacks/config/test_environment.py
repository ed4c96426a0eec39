from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from constructs.common.instance_types import (
    has_accelerator,
    has_gpu,
    has_local_storage,
    hosting_instance_types,
    is_arm,
    training_instance_types,
)
from ntm.common.hyperparameters import Hyperparameters as NtmHyperparameters
from stacks.config.environment import EnvironmentConfig
from stacks.config.sections.serving import ServingConfig
from stacks.config.sections.training import Hyperparameters, TrainingConfig


def _problems(model: type[BaseModel], **values: Any) -> list[str]:
    with pytest.raises(ValidationError) as error:
        model.model_validate(values)
    return [f"{detail['loc'][0]}: {detail['msg']}" for detail in error.value.errors()]


def _fields(model: type[BaseModel]) -> list[tuple[str, str | None]]:
    nested = [
        found
        for field in model.model_fields.values()
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)
        for found in _fields(field.annotation)
    ]
    return [(f"{model.__name__}.{name}", field.description) for name, field in model.model_fields.items()] + nested


def test_only_the_region_is_required() -> None:
    config = EnvironmentConfig.model_validate({"region": "eu-central-1"})
    assert config.data.removal == "retain"
    assert config.termination_protection
    assert config.training.hyperparameters.to_request() == {}


def test_every_field_is_described() -> None:
    assert [name for name, description in _fields(EnvironmentConfig) if not description] == []


def test_configs_are_immutable() -> None:
    config = EnvironmentConfig.model_validate({"region": "eu-central-1"})
    with pytest.raises(ValidationError, match="frozen"):
        config.region = "us-east-1"


_HYPERPARAMETERS: dict[str, st.SearchStrategy[Any]] = {
    "batch_norm": st.booleans(),
    "clip_gradient": st.floats(1e-3, 1e6),
    "encoder_layers": st.lists(st.integers(1, 5000), min_size=1, max_size=4).map(
        lambda sizes: ",".join(map(str, sizes))
    ),
    "encoder_layers_activation": st.sampled_from(["sigmoid", "tanh", "relu"]),
    "epochs": st.integers(1, 10_000),
    "learning_rate": st.floats(1e-6, 1),
    "mini_batch_size": st.integers(1, 10_000),
    "num_patience_epochs": st.integers(1, 1000),
    "objective": st.sampled_from(["topics", "elbo"]),
    "optimizer": st.sampled_from(["sgd", "adam", "adagrad", "adadelta", "rmsprop"]),
    "rescale_gradient": st.floats(1e-3, 1),
    "seed": st.integers(0, 2**32 - 1),
    "sub_sample": st.floats(0, 1),
    "tolerance": st.floats(1e-6, 0.1),
    "weight_decay": st.floats(0, 1),
}


def test_every_hyperparameter_is_known_here() -> None:
    assert Hyperparameters.model_fields.keys() == _HYPERPARAMETERS.keys()


@given(st.fixed_dictionaries({}, optional=_HYPERPARAMETERS))
def test_our_container_parses_the_hyperparameters_as_written(values: dict[str, Any]) -> None:
    sent = Hyperparameters.model_validate(values).to_request()
    assert sent.keys() == values.keys()
    read = NtmHyperparameters.parse({"feature_dim": "100", "num_topics": "2", **sent})
    for name, value in values.items():
        meant = tuple(map(int, value.split(","))) if name == "encoder_layers" else value
        assert getattr(read, name) == meant


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("learning_rate", 1e-7),
        ("learning_rate", 1.1),
        ("learning_rate", float("nan")),
        ("learning_rate", "0.01"),
        ("mini_batch_size", 0),
        ("mini_batch_size", 10_001),
        ("mini_batch_size", 1.5),
        ("epochs", True),
        ("sub_sample", 1.01),
        ("clip_gradient", float("inf")),
        ("encoder_layers", "200,,100"),
        ("encoder_layers", "0"),
        ("encoder_layers", "[200]"),
        ("batch_norm", "true"),
        ("optimizer", "Adam"),
        ("feature_dim", 5000),
    ],
)
def test_a_hyperparameter_out_of_ntms_range_is_refused(name: str, value: object) -> None:
    (problem,) = _problems(Hyperparameters, **{name: value})
    assert problem.startswith(f"{name}: ")


def test_the_default_of_max_is_checked_against_min() -> None:
    assert _problems(ServingConfig, min_instances=5) == ["max_instances: below min_instances; allowed: 5 or more"]


@given(st.sampled_from(training_instance_types()))
def test_training_requires_existing_instance_types_with_a_gpu(instance_type: str) -> None:
    if is_arm(instance_type):
        assert "Arm" in _problems(TrainingConfig, instance_type=instance_type, allow_cpu=True)[0]
    elif has_gpu(instance_type):
        assert TrainingConfig.model_validate({"instance_type": instance_type}).instance_type == instance_type
    else:
        assert "has no GPU" in _problems(TrainingConfig, instance_type=instance_type)[0]
        TrainingConfig.model_validate({"instance_type": instance_type, "allow_cpu": True})


@given(st.sampled_from(hosting_instance_types()))
def test_serving_requires_existing_instance_types_that_can_scale(instance_type: str) -> None:
    if is_arm(instance_type) or instance_type.startswith("ml.t2."):
        assert len(_problems(ServingConfig, instance_type=instance_type)) == 1
    else:
        assert ServingConfig.model_validate({"instance_type": instance_type}).instance_type == instance_type


@pytest.mark.parametrize(
    ("model", "instance_type", "allowed"),
    [
        (TrainingConfig, "ml.g5.64xlarge", "ml.g5.xlarge"),
        (TrainingConfig, "g5.xlarge", "ml.g5.*"),
        (ServingConfig, "ml.m5.huge", "ml.m5.large"),
        # Available for training only.
        (ServingConfig, "ml.p3dn.24xlarge", "ml.p3.*"),
    ],
)
def test_an_unknown_instance_type_is_refused_with_similar_ones(
    model: type[BaseModel], instance_type: str, allowed: str
) -> None:
    (problem,) = _problems(model, instance_type=instance_type)
    assert "no such instance type" in problem
    assert allowed in problem.partition("allowed: ")[2].split(", ")


@pytest.mark.parametrize(
    ("instance_type", "gpu", "accelerator", "arm", "local_storage"),
    [
        ("ml.g4dn.xlarge", True, True, False, True),
        ("ml.g5.xlarge", True, True, False, True),
        ("ml.p2.xlarge", True, True, False, False),
        ("ml.p3.2xlarge", True, True, False, False),
        ("ml.p3dn.24xlarge", True, True, False, True),
        ("ml.p4d.24xlarge", True, True, False, True),
        ("ml.p5.48xlarge", True, True, False, True),
        ("ml.p6e-gb200.36xlarge", True, True, True, True),
        ("ml.m5.large", False, False, False, False),
        ("ml.m5d.large", False, False, False, True),
        ("ml.m6g.large", False, False, True, False),
        ("ml.m6gd.large", False, False, True, True),
        ("ml.m7i-flex.large", False, False, False, False),
        ("ml.c5n.xlarge", False, False, False, False),
        ("ml.inf2.xlarge", False, True, False, False),
        ("ml.trn1.2xlarge", False, True, False, True),
        ("ml.dl1.24xlarge", False, True, False, True),
    ],
)
def test_properties_in_the_name_of_an_instance_type(
    instance_type: str, gpu: bool, accelerator: bool, arm: bool, local_storage: bool
) -> None:
    assert instance_type in training_instance_types() + hosting_instance_types()
    assert has_gpu(instance_type) is gpu
    assert has_accelerator(instance_type) is accelerator
    assert is_arm(instance_type) is arm
    assert has_local_storage(instance_type) is local_storage


@pytest.mark.parametrize(
    ("values", "key"),
    [
        ({"region": "us-east-9"}, "region"),
        ({"region": "us-east-1-fips"}, "region"),
        ({"account": "12345"}, "account"),
        ({"log_retention_days": 8}, "log_retention_days"),
        ({"log_retention_days": True}, "log_retention_days"),
        ({"account": "\u0661" * 12}, "account"),
        ({"tags": {"aws:cost": "x"}}, "tags"),
        ({"tags": {"cost": "<script>"}}, "tags"),
        ({"tags": {"cost": "a\tb"}}, "tags"),
        ({"tags": {"cost": "a\n"}}, "tags"),
        ({"tags": {"co\u0301st": "x"}}, "tags"),
        ({"tags": {"cost": "AWS:x"}}, "tags"),
        ({"tags": {str(number): "ä" * 128 for number in range(8)}}, "tags"),
        ({"tags": {"environment": "test"}}, "tags"),
        ({"tags": {"Cost": "1", "cost": "2"}}, "tags"),
        ({"notifications": {"emails": ["a@b.cd", "a@b.cd"]}}, "notifications"),
        ({"data": {"removal": "keep"}}, "data"),
        ({"preprocessing": {"text_columns": []}}, "preprocessing"),
        ({"preprocessing": {"text_columns": ["a,b"]}}, "preprocessing"),
        ({"preprocessing": {"text_columns": ["a", "a"]}}, "preprocessing"),
        ({"preprocessing": {"text_columns": [" "]}}, "preprocessing"),
        ({"preprocessing": {"text_columns": "text"}}, "preprocessing"),
        ({"preprocessing": {"vocabulary_size": 1_000_001}}, "preprocessing"),
        ({"preprocessing": {"test_share": 0.0}}, "preprocessing"),
        ({"preprocessing": {"memory_mb": 100}}, "preprocessing"),
        ({"training": {"num_topics": 1001}}, "training"),
        ({"training": {"max_runtime_minutes": 0}}, "training"),
        ({"training": {"max_wait_minutes": 90}}, "training"),
        ({"training": {"spot": True, "max_wait_minutes": 59}}, "training"),
        ({"training": {"instance_count": 21}}, "training"),
        ({"algorithm": "lda"}, "algorithm"),
        ({"tuning": {"strategy": "annealing"}}, "tuning"),
        ({"tuning": {"max_jobs": 1}}, "tuning"),
        ({"tuning": {"max_jobs": 751}}, "tuning"),
        ({"tuning": {"strategy": "hyperband", "early_stopping": True}}, "tuning"),
        ({"tuning": {"strategy": "hyperband", "hyperband_min_epochs": 20}}, "tuning"),
        ({"tuning": {"instance_type": "ml.m5.large"}}, "tuning"),
        ({"tuning": {"sample": 0.0}}, "tuning"),
        ({"tuning": {"max_job_wait_minutes": 90}}, "tuning"),
        ({"tuning": {"spot": True, "max_job_wait_minutes": 59}}, "tuning"),
        ({"tuning": {"warm_start": {"from_job": "a_b"}}}, "tuning"),
        ({"tuning": {"warm_start": {"from_job": "x" * 33}}}, "tuning"),
        ({"tuning": {"completion": {"stop_after_jobs_without_improvement": 2}}}, "tuning"),
        ({"evaluation": {"instance_type": "ml.m6g.large"}}, "evaluation"),
        ({"evaluation": {"word_vectors": "/glove.txt"}}, "evaluation"),
        ({"gate": {"topic_uniqueness": None, "npmi_over_baseline": None}}, "gate"),
        ({"gate": {"npmi": 1.5}}, "gate"),
        ({"vectorize": {"instance_type": "ml.t3.medium"}}, "vectorize"),
        ({"vectorize": {"max_payload_mb": 51, "max_concurrent": 2}}, "vectorize"),
        ({"retries": {"attempts": 21}}, "retries"),
        ({"triggers": {"schedule": {"expression": "rate(1 day)"}}}, "triggers"),
        ({"triggers": {"schedule": {"expression": "daily", "corpus": "a.csv"}}}, "triggers"),
        ({"notifications": {"emails": ["nobody"]}}, "notifications"),
        ({"serving": {"model_package": "topicsmith-dev/3"}}, "serving"),
    ],
)
def test_impossible_values_are_refused(values: dict[str, object], key: str) -> None:
    (problem,) = _problems(EnvironmentConfig, **{"region": "us-east-1", **values})
    assert problem.startswith(f"{key}: ")


@pytest.mark.parametrize(
    "policy",
    [
        "limits",
        "team/limits",
        "arn:aws:iam::123456789012:policy/team/limits",
        "arn:aws:iam::aws:policy/PowerUserAccess",
    ],
)
def test_a_permissions_boundary_is_a_name_or_an_arn(policy: str) -> None:
    assert EnvironmentConfig(region="us-east-1", permissions_boundary=policy).permissions_boundary == policy


@pytest.mark.parametrize("policy", ["", "/limits", "team//limits", "team/", "n" * 129, "arn:aws:iam::1:policy/limits"])
def test_another_permissions_boundary_is_refused(policy: str) -> None:
    (problem,) = _problems(EnvironmentConfig, region="us-east-1", permissions_boundary=policy)
    assert problem.startswith("permissions_boundary: String should match pattern")

"""Texts as values of the model registry."""

import quopri

import pytest
from botocore.loaders import Loader
from botocore.model import ServiceModel
from hypothesis import given
from hypothesis import strategies as st
from write.registry_value import registry_value

from localcloud.validation.constraints import violations

_MODEL = ServiceModel(Loader().load_service_model("sagemaker", "service-2"), "sagemaker")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("s3://b/raw/reviews.csv", "s3://b/raw/reviews.csv"),
        ("s3://b/raw/reviews (1).csv", "s3://b/raw/reviews =281=29.csv"),
        ("s3://b/raw/отзывы & co.csv", "s3://b/raw/отзывы =26 co.csv"),
        ("a=28", "a=3D28"),
        ("été", "été"),
    ],
)
def test_other_characters_are_quoted(text: str, value: str) -> None:
    assert registry_value(text) == value
    assert quopri.decodestring(value.encode()).decode() == text


def test_a_long_text_keeps_its_end() -> None:
    value = registry_value("s3://b/raw/" + "(" * 300 + "/reviews.csv")
    assert value.startswith("...=28=28")
    assert value.endswith("=28/reviews.csv")
    assert 253 < len(value) <= 256


@given(st.text(min_size=1, max_size=400))
def test_the_registry_accepts_every_text(text: str) -> None:
    shape = _MODEL.shape_for("CustomerMetadataMap")
    assert violations(shape, {"CorpusUri": registry_value(text)}) == []

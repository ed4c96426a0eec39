from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from split import splitter

shares = st.floats(0.01, 0.49)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("topic models", "train"), ("document 40", "test"), ("document 15", "validation"), ("été", "train")],
)
def test_the_split_never_changes(text: str, expected: str) -> None:
    # If this changed, the next model's test set would contain documents that the last one was trained on.
    assert splitter(validation_share=0.1, test_share=0.1)(text) == expected


@given(st.text(st.characters(exclude_categories=["Cs"])), shares, shares)
def test_white_space_does_not_matter(text: str, validation_share: float, test_share: float) -> None:
    split = splitter(validation_share=validation_share, test_share=test_share)
    assert split(text) == split(f"\r\n {text.replace(' ', '  ')}\t")


@given(st.text(), shares, shares)
def test_larger_shares_take_from_training_only(text: str, small: float, large: float) -> None:
    text = text.encode(errors="replace").decode()
    small, large = sorted((small, large))
    before = splitter(validation_share=small, test_share=0.1)(text)
    after = splitter(validation_share=large, test_share=0.1)(text)
    assert after == before or (before, after) == ("train", "validation")


def test_shares_hold_on_average() -> None:
    split = splitter(validation_share=0.2, test_share=0.1)
    counts = Counter(split(f"document {number}") for number in range(20_000))
    assert abs(counts["validation"] - 4000) < 200
    assert abs(counts["test"] - 2000) < 150

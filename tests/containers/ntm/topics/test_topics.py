import logging
from dataclasses import replace

import numpy as np
import pytest

from ntm.topics.topics import Topics

TOPICS = Topics(
    share=np.array([0.7, 0.3], np.float32),
    words=np.array([[0, 1], [2, 1]]),
    weights=np.array([[0.5, 0.2], [0.4, 0.1]], np.float32),
    npmi=np.array([0.25, 0.75]),
    uniqueness=np.array([0.75, 0.5]),
    wetc=np.array([0.125, np.nan]),
)


def test_reordering_topics() -> None:
    swapped = TOPICS.reordered(np.array([1, 0]))
    assert swapped.share.tolist() == TOPICS.share[::-1].tolist()
    assert swapped.words.tolist() == [[2, 1], [0, 1]]
    assert swapped.weights.tolist() == TOPICS.weights[::-1].tolist()
    assert swapped.npmi.tolist() == [0.75, 0.25]
    assert swapped.uniqueness.tolist() == [0.5, 0.75]
    assert swapped.wetc is not None
    np.testing.assert_array_equal(swapped.wetc, [np.nan, 0.125])
    assert replace(TOPICS, wetc=None).reordered(np.array([1, 0])).wetc is None


def test_the_topic_log_matches_the_built_ins(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        TOPICS.log(logging.getLogger(), ["cats", "dogs", "birds"])
        replace(TOPICS, wetc=None).log(logging.getLogger(), ["cats", "dogs", "birds"])
    assert caplog.messages == [
        "Topics from epoch:final (num_topics:2) [wetc 0.12, tu 0.62]:",
        "[0.12, 0.75] cats dogs",
        "[nan, 0.50] birds dogs",
        "Topics from epoch:final (num_topics:2) [npmi 0.50, tu 0.62]:",
        "[0.25, 0.75] cats dogs",
        "[0.75, 0.50] birds dogs",
    ]

"""Removal of surplus topics during training.

Training that starts with the requested number of topics ends in a local optimum with dead, duplicate and incoherent
topics. Starting with more topics and keeping the best avoids it, as in sparse mixtures (Figueiredo and Jain,
Unsupervised Learning of Finite Mixture Models, PAMI 2002).
"""

import numpy as np
from numpy.typing import NDArray

from ntm.topics.coherence import UNIQUENESS_WEIGHT, uniqueness

# Share of the build-up before the first topics are dropped.
_BEGIN = 0.43
_STEPS = 5
# Further surplus topics cost more time than they gain.
_MOST = 60


def topics_at(progress: float, wanted: int, surplus: float) -> int:
    """Return the number of topics after a share of the build-up; it decreases in steps."""
    steps = np.clip(np.floor((progress - _BEGIN) / (1 - _BEGIN) * (_STEPS - 1) + 1e-9) + 1, 0, _STEPS)
    more = min(round(surplus * wanted) - wanted, _MOST)
    return wanted + round(more * (1 - float(steps) / _STEPS))


def survivors(words: NDArray[np.int64], coherence: NDArray[np.float64], wanted: int) -> NDArray[np.int64]:
    """Return the topics to keep, ascending: the worst topic is dropped until ``wanted`` are left.

    Topics are ranked by coherence plus weighted uniqueness among the remaining topics. Once one of two duplicates is
    dropped, the other is unique.

    Args:
        words: Ids of each topic's words, [K, n].
        coherence: Coherence of each topic, [K].
        wanted: Number of topics to keep, at most K.
    """
    left = np.arange(len(words))
    while len(left) > wanted:
        quality = coherence[left] + UNIQUENESS_WEIGHT * uniqueness(words[left])
        left = np.delete(left, np.argmin(quality))
    return left

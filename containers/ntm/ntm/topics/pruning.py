"""Which topics stay when training drops its surplus.

Training that starts with the number of topics that is asked for ends with some that are dead, that repeat others, or
that hold words with nothing in common: a local optimum that gradients do not leave. Starting with more and keeping the
best does, as in a sparse mixture (Figueiredo and Jain, Unsupervised Learning of Finite Mixture Models, PAMI 2002).
"""

import numpy as np
from numpy.typing import NDArray

from ntm.topics.coherence import UNIQUENESS_WEIGHT, uniqueness

# Where the build-up is divided: no topic goes before the first of these parts of the build-up is over.
_BEGIN = 0.43
_STEPS = 5
# More than so many surplus topics cost more time than they bring.
_MOST = 60


def topics_at(progress: float, wanted: int, surplus: float) -> int:
    """Return how many topics training has, given the part of its build-up that is done: all, then in steps fewer."""
    steps = np.clip(np.floor((progress - _BEGIN) / (1 - _BEGIN) * (_STEPS - 1) + 1e-9) + 1, 0, _STEPS)
    more = min(round(surplus * wanted) - wanted, _MOST)
    return wanted + round(more * (1 - float(steps) / _STEPS))


def survivors(words: NDArray[np.int64], coherence: NDArray[np.float64], wanted: int) -> NDArray[np.int64]:
    """Return the topics to keep, ascending: the worst of all is dropped until so many are left.

    A topic is as good as its coherence and, with less weight, its uniqueness among those that are left: of two topics
    that say the same, one goes, and then the other is unique.

    Args:
        words: ids of each topic's words, [K, n].
        coherence: of each topic, [K].
        wanted: how many to keep, at most K.
    """
    left = np.arange(len(words))
    while len(left) > wanted:
        quality = coherence[left] + UNIQUENESS_WEIGHT * uniqueness(words[left])
        left = np.delete(left, np.argmin(quality))
    return left

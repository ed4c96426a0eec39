"""Layout of the report: places of documents on the map and the order of topics."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from ntm.network.inference import Array

_SEED = 0
_PERPLEXITY: Final = 30
_FEWEST = 10


def sample(mixtures: Array, size: int) -> NDArray[np.int64]:
    """Return a sample of at most ``size`` documents, ascending and stratified by main topic.

    Every main topic is represented by at least one document if ``size`` allows it.

    Args:
        mixtures: Topic mixtures of all documents, float32 [D, K].
        size: Maximum size of the sample.
    """
    if len(mixtures) <= size:
        return np.arange(len(mixtures))
    shuffled = np.random.default_rng(_SEED).permutation(len(mixtures))
    topics = mixtures[shuffled].argmax(axis=1)
    order = np.argsort(topics, kind="stable")
    sizes = np.bincount(topics)
    # Spread the documents of each topic evenly over [0, 1), starting at 0.
    places = np.concatenate([np.arange(number) / number for number in sizes if number])
    chosen = order[np.argsort(places, kind="stable")[:size]]
    return np.sort(shuffled[chosen])


def place(mixtures: Array) -> NDArray[np.float64]:
    """Return a t-SNE map of documents, float64 [D, 2].

    Distances are Hellinger distances of the mixtures. Source: van der Maaten and Hinton, Visualizing
    Data using t-SNE, JMLR 2008.

    Args:
        mixtures: Topic mixtures, float32 [D, K].
    """
    roots = np.sqrt(mixtures.astype(np.float64))
    if len(roots) < _FEWEST:
        # Too few to have neighbourhoods.
        return np.pad(roots, ((0, 0), (0, 2)))[:, :2]
    from sklearn.manifold import TSNE

    method = TSNE(perplexity=min(_PERPLEXITY, len(roots) / 4), init="pca", random_state=_SEED)
    places: NDArray[np.float64] = method.fit_transform(roots)
    return places


def similarity(probabilities: Array) -> NDArray[np.float64]:
    """Return the cosine similarities of topics, float64 [K, K], given their word probabilities [K, V]."""
    unit = probabilities / np.linalg.norm(probabilities, axis=1, keepdims=True)
    return np.asarray(np.clip(unit @ unit.T, 0, 1), np.float64)


def similar_together(similarities: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return an order of topics that puts similar ones side by side, from hierarchical clustering."""
    from scipy.cluster.hierarchy import leaves_list, linkage
    from scipy.spatial.distance import squareform

    distances = 1 - similarities
    np.fill_diagonal(distances, 0)
    condensed = squareform((distances + distances.T) / 2, checks=False)
    return np.asarray(leaves_list(linkage(condensed, "average", optimal_ordering=True)), np.int64)

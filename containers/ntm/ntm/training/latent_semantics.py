"""Word embeddings of the corpus, which initialise the encoder.

Latent semantic analysis (Deerwester et al., JASIS 1990): the leading right singular vectors of the tf-idf matrix, found
by randomised subspace iteration (Halko, Martinsson and Tropp, arXiv 0909.4061). Words of the same documents are close
from the first step; random weights would have to learn this.
"""

import numpy as np
import scipy.sparse
import torch
from numpy.typing import NDArray

from ntm.data.bag_of_words import BagOfWords
from ntm.data.corpus import Corpus
from ntm.network.inference import Array
from ntm.topics.ranking import Total

_DIMENSIONS = 100
_ITERATIONS = 3
_CHUNK = 8192


def word_embeddings(corpus: Corpus, units: int, seed: int, total: Total) -> Array:
    """Return an embedding of each word, float32 [V, units]: a random rotation of the words' latent dimensions.

    Args:
        corpus: Documents of this host.
        units: Size of an embedding.
        seed: Seed of the random start and the rotation, the same on all hosts.
        total: Sums arrays over hosts; there is at least one document in total.

    Returns:
        Embeddings of mean square 1; all 0 if no word distinguishes documents.
    """
    random = np.random.default_rng(seed)
    documents = float(total(np.array([float(len(corpus))]))[0])
    frequencies = total(corpus.document_frequencies.astype(np.float64))
    idf = np.log(documents / np.maximum(frequencies, 1)).astype(np.float32)
    basis = random.standard_normal((corpus.feature_dim, min(_DIMENSIONS, corpus.feature_dim)), np.float32)
    for _ in range(_ITERATIONS):
        image = np.zeros(basis.shape)
        for chunk in corpus.chunks(documents=_CHUNK):
            matrix = _tf_idf(chunk, idf)
            image += matrix.T @ (matrix @ basis)
        basis = _orthonormal(total(image))
    rotation = random.standard_normal((basis.shape[1], units), np.float32)
    embeddings = (torch.from_numpy(basis * idf[:, None]) @ torch.from_numpy(rotation)).numpy()
    scale = float(np.sqrt(np.mean(np.square(embeddings))))
    return np.asarray(embeddings / (scale or 1.0), np.float32)


def _orthonormal(image: NDArray[np.float64]) -> NDArray[np.float32]:
    # By torch, as numpy's threads and torch's would wait for each other.
    return np.asarray(torch.linalg.qr(torch.from_numpy(image))[0], np.float32)


def _tf_idf(documents: BagOfWords, idf: NDArray[np.float32]) -> scipy.sparse.csr_array:
    """Return the documents' tf-idf vectors, of length 1, or 0 for documents of words that occur everywhere."""
    values = np.log1p(documents.counts) * idf[documents.words]
    lengths = np.sqrt(np.bincount(documents.documents, np.square(values), minlength=len(documents)))
    values /= np.maximum(lengths, 1e-9)[documents.documents]
    shape = (len(documents), documents.feature_dim)
    return scipy.sparse.csr_array((values.astype(np.float32), documents.words, documents.offsets), shape)

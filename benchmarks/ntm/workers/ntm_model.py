"""ntm as a model of the suite, scored like its peers.

The suite's usual arguments: ``ntm_model.py --data DIR --k 20 --seed 0 --hyperparameters "epochs=40 optimizer=adam"``.
The suite and the package ``ntm`` must be on the path.
"""

import common
import numpy as np
import torch
from scipy.special import softmax

from ntm.common.hyperparameters import RECOMMENDED, Hyperparameters
from ntm.data.bag_of_words import BagOfWords
from ntm.data.corpus import Corpus
from ntm.training.trainer import Trainer


def bag_of(counts) -> BagOfWords:
    """Convert counts [D, V] to the package's format."""
    counts = counts.tocsr().astype(np.float32)
    counts.sort_indices()
    return BagOfWords(counts.indptr.astype(np.int64), counts.indices.astype(np.int32), counts.data, counts.shape[1])


if __name__ == "__main__":
    arguments = common.args(hyperparameters="", threads=2)
    torch.set_num_threads(arguments.threads)
    data = common.load(arguments.data)
    given = dict(pair.split("=", 1) for pair in arguments.hyperparameters.split())
    hyperparameters = Hyperparameters.parse(
        {
            "feature_dim": data["train"].shape[1],
            "num_topics": arguments.k,
            "seed": arguments.seed,
            **RECOMMENDED,
            **given,
        }
    )
    with common.Timer() as timer:
        trained = Trainer(Corpus.of(bag_of(data["train"])), hyperparameters).run(None)
    model, words = trained.model, trained.topics.words

    # Words are ranked as the product shows them, and after its twenty words by the decoder's probabilities.
    ranked = model.word_probabilities().T.astype(np.float64)
    np.put_along_axis(ranked, words, 1.0 + np.arange(words.shape[1], 0, -1)[None], axis=1)
    common.report(
        "ntm",
        arguments,
        data,
        ranked,
        timer,
        lambda counts: model.topic_weights(bag_of(counts)),
        word_dist=lambda theta: softmax(theta @ model.decoder.weight.T + model.decoder.bias, axis=1),
        extra={"hyperparameters": arguments.hyperparameters},
    )

"""The topic model as a scikit-learn estimator."""

import dataclasses
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse
from scipy.special import log_softmax
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import Tags, check_random_state
from sklearn.utils.validation import check_is_fitted, check_non_negative, validate_data

from ntm.artifacts.artifacts import CONFIG, TOPICS, Auxiliary, read_model, write_model
from ntm.artifacts.model_directory import new_model
from ntm.common.errors import InputError
from ntm.common.hyperparameters import RECOMMENDED, Hyperparameters
from ntm.data.bag_of_words import BagOfWords, bag_of_words
from ntm.data.corpus import Corpus
from ntm.network.inference import Array, TopicModel, chunks
from ntm.topics.topics import WORDS_PER_TOPIC, Topics

# Parameters of an estimator stored in a model directory besides the hyperparameters.
_KEPT = ("random_state", "validation_fraction")


class NeuralTopicModel(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Neural topic model: a variational autoencoder of word counts with a topic mixture as latent variable.

    The parameters are the hyperparameters of Amazon SageMaker's NTM, with the same ranges; ``fit`` raises an error for
    values out of range. Optimizer, learning rate, activation and epochs have better defaults than NTM.

    Args:
        n_components: Number of topics, at most 1000; ``num_topics`` in NTM.
        objective: Training objective: "topics" for topics that people find coherent, "elbo" for the evidence lower
            bound alone.
        batch_norm: Batch normalisation of the encoder's hidden layers.
        clip_gradient: Maximum absolute value of a gradient element.
        encoder_layers: Widths of the encoder's hidden layers; "auto" leaves them to the objective.
        encoder_layers_activation: Activation of the hidden layers: "sigmoid", "tanh" or "relu".
        epochs: Maximum number of passes over the documents.
        learning_rate: Learning rate; ignored by "adadelta".
        mini_batch_size: Documents per gradient step.
        num_patience_epochs: Epochs without improvement before training stops; only used with ``validation_fraction``.
        optimizer: Optimizer: "sgd", "adam", "adagrad", "adadelta" or "rmsprop".
        rescale_gradient: Factor applied to the gradient before clipping.
        sub_sample: Share of the documents used in each epoch, drawn anew.
        tolerance: Minimum decrease of the validation loss, in nats per word, that counts as improvement.
        weight_decay: Weight of the L2 penalty.
        validation_fraction: Share of the documents, between 0 and 1, held out for early stopping and for picking the
            best epoch. None trains on all documents for all epochs.
        random_state: int, RandomState instance or None. Pass an int for reproducible results (on a CPU).

    Attributes:
        components_: ndarray of shape (n_components, n_features), the word probabilities of each topic; each row sums to
            1.
        model_: ``ntm.network.inference.TopicModel``, the trained encoder and decoder as numpy arrays.
        topics_: ``ntm.topics.topics.Topics``, the share, best words, coherence (NPMI) and uniqueness of each topic in
            the training documents. Topics are ordered by share, largest first.
        n_iter_: int, the number of epochs run.
        n_features_in_: int, the vocabulary size.
        feature_names_in_: ndarray of shape (n_features,), the words; defined if the columns of ``X`` in ``fit`` had
            names or the loaded model has a vocabulary.

    References:
        A. Srivastava and C. Sutton, "Autoencoding Variational Inference for Topic Models", ICLR 2017,
        arXiv:1703.01488.

        Y. Miao, L. Yu and P. Blunsom, "Neural Variational Inference for Text Processing", ICML 2016,
        arXiv:1511.06038.

        Amazon SageMaker AI Developer Guide, "Neural Topic Model (NTM) Algorithm",
        https://docs.aws.amazon.com/sagemaker/latest/dg/ntm.html

    Example:
        >>> from sklearn.feature_extraction.text import CountVectorizer
        >>> from ntm import NeuralTopicModel
        >>> texts = ["cats and dogs and birds", "dogs chase cats", "stocks and bonds fell", "bonds beat stocks"] * 50
        >>> vectorizer = CountVectorizer(stop_words="english")
        >>> counts = vectorizer.fit_transform(texts)
        >>> model = NeuralTopicModel(n_components=2, random_state=0).fit(counts)
        >>> model.transform(counts).shape
        (200, 2)
        >>> len(model.topics(vectorizer.get_feature_names_out(), n_words=3))
        2
    """

    def __init__(
        self,
        n_components: int = 20,
        *,
        objective: str = Hyperparameters.objective,
        batch_norm: bool = Hyperparameters.batch_norm,
        clip_gradient: float = Hyperparameters.clip_gradient,
        encoder_layers: str | Sequence[int] = "auto",
        encoder_layers_activation: str = RECOMMENDED["encoder_layers_activation"],
        epochs: int = RECOMMENDED["epochs"],
        learning_rate: float = RECOMMENDED["learning_rate"],
        mini_batch_size: int = Hyperparameters.mini_batch_size,
        num_patience_epochs: int = Hyperparameters.num_patience_epochs,
        optimizer: str = RECOMMENDED["optimizer"],
        rescale_gradient: float = Hyperparameters.rescale_gradient,
        sub_sample: float = Hyperparameters.sub_sample,
        tolerance: float = Hyperparameters.tolerance,
        weight_decay: float = Hyperparameters.weight_decay,
        validation_fraction: float | None = None,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.n_components = n_components
        self.objective = objective
        self.batch_norm = batch_norm
        self.clip_gradient = clip_gradient
        self.encoder_layers = encoder_layers
        self.encoder_layers_activation = encoder_layers_activation
        self.epochs = epochs
        self.learning_rate = learning_rate
        self.mini_batch_size = mini_batch_size
        self.num_patience_epochs = num_patience_epochs
        self.optimizer = optimizer
        self.rescale_gradient = rescale_gradient
        self.sub_sample = sub_sample
        self.tolerance = tolerance
        self.weight_decay = weight_decay
        self.validation_fraction = validation_fraction
        self.random_state = random_state

    def fit(self, X: ArrayLike | sparse.sparray | sparse.spmatrix, y: object = None) -> Self:  # noqa: ARG002, N803
        """Learn topics.

        Args:
            X: {array-like, sparse matrix} of shape (n_documents, n_features), non-negative word counts. Empty
                documents are ignored.
            y: Ignored; present for API consistency.

        Returns:
            The fitted estimator.

        Raises:
            ValueError: A parameter is out of range, a count is negative or not finite, or all documents are empty.
        """
        from ntm.training.trainer import Trainer

        bag = self._bag(X, reset=True).non_empty()
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        hyperparameters = self._hyperparameters(bag.feature_dim, seed)
        corpus, validation = self._split(bag, seed)
        try:
            trained = Trainer(corpus, hyperparameters).run(validation)
        except InputError as error:
            raise ValueError(str(error)) from None
        self._set_fitted(trained.model, trained.topics, hyperparameters, trained.epochs)
        return self

    def transform(self, X: ArrayLike | sparse.sparray | sparse.spmatrix) -> Array:  # noqa: N803
        """Return the topic mixture of each document.

        Args:
            X: {array-like, sparse matrix} of shape (n_documents, n_features), non-negative word counts.

        Returns:
            float32 ndarray of shape (n_documents, n_components). Each row sums to 1; an empty document has the same
            weight for every topic.
        """
        check_is_fitted(self)
        return self.model_.topic_weights(self._bag(X))

    def score(self, X: ArrayLike | sparse.sparray | sparse.spmatrix, y: object = None) -> float:  # noqa: ARG002, N803
        """Return the log-likelihood of the documents in nats, given their topic mixtures from ``transform``.

        The mixtures are inferred from the same words, so this is above the evidence lower bound.

        Args:
            X: {array-like, sparse matrix} of shape (n_documents, n_features), non-negative word counts.
            y: Ignored; present for API consistency.

        Returns:
            Sum over all words of all documents; higher is better.
        """
        check_is_fitted(self)
        return self._log_likelihood(self._bag(X))

    def perplexity(self, X: ArrayLike | sparse.sparray | sparse.spmatrix) -> float:  # noqa: N803
        """Return the perplexity per word, ``exp(-score(X) / number of words in X)``; lower is better.

        Args:
            X: {array-like, sparse matrix} of shape (n_documents, n_features), non-negative word counts.

        Raises:
            ValueError: All documents are empty.
        """
        check_is_fitted(self)
        bag = self._bag(X)
        if not len(bag.words):
            raise ValueError("Perplexity is undefined: all documents of X are empty.")
        with np.errstate(over="ignore"):
            return float(np.exp(-self._log_likelihood(bag) / bag.lengths.sum()))

    def topics(self, feature_names: Sequence[str] | None = None, n_words: int = 10) -> list[list[str]]:
        """Return the most characteristic words of each topic in the training documents, best first.

        Args:
            feature_names: array-like of shape (n_features,), the words. Defaults to ``feature_names_in_``, if defined,
                else to column numbers.
            n_words: Words per topic, at most 20.

        Raises:
            ValueError: ``n_words`` is not between 1 and 20, or the number of names is not n_features.
        """
        check_is_fitted(self)
        if not 1 <= n_words <= WORDS_PER_TOPIC:
            raise ValueError(f"n_words is {n_words}; allowed: 1 to {WORDS_PER_TOPIC}.")
        if feature_names is None:
            feature_names = getattr(self, "feature_names_in_", [str(word) for word in range(self.n_features_in_)])
        self._check_length(feature_names)
        return [[str(feature_names[word]) for word in words[:n_words]] for words in self.topics_.words]

    def save(
        self,
        path: str | os.PathLike[str],
        *,
        feature_names: Sequence[str] | None = None,
        overwrite: bool = False,
    ) -> None:
        """Write the model to a directory, as a training job does: safetensors, ONNX and JSON, no pickle.

        Args:
            path: Directory to write to; created if it does not exist.
            feature_names: array-like of shape (n_features,), the vocabulary to store with the model, such as
                ``vectorizer.get_feature_names_out()``. Defaults to ``feature_names_in_``, if defined; without either,
                ``ntm topics`` shows column numbers instead of words.
            overwrite: Replace a model in ``path``. By default the directory must be empty.

        Raises:
            ValueError: The directory cannot be written, the number of names is not n_features, or a name is blank,
                occurs twice or contains a line break.
        """
        check_is_fitted(self)
        vocabulary = None
        names = getattr(self, "feature_names_in_", None) if feature_names is None else feature_names
        if names is not None:
            self._check_length(names)
            vocabulary = "".join(f"{name}\n" for name in names).encode()
        kept = {name: value for name in _KEPT if isinstance(value := getattr(self, name), int | float)}
        try:
            auxiliary = Auxiliary(vocabulary, None)
            auxiliary.words(self.n_features_in_)
            with new_model(Path(path), overwrite) as directory:
                facts: dict[str, object] = {"epochs": self.n_iter_, **kept}
                write_model(directory, self.model_, self.topics_, auxiliary, self._trained_with, facts)
        except InputError as error:
            raise ValueError(str(error)) from None

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Load a model written by ``save``, ``ntm train`` or a training job.

        Args:
            path: Model directory.

        Raises:
            ValueError: The directory has no usable model.
        """
        directory = Path(path)
        try:
            model, _ = read_model(directory)
            auxiliary = Auxiliary.read(directory)
            names = auxiliary.words(model.feature_dim)
            described = _read_topics(directory, names)
            hyperparameters, epochs, kept = _read_config(directory)
        except InputError as error:
            raise ValueError(str(error)) from None
        self = cls(**_parameters(hyperparameters), **kept)
        self.n_features_in_ = model.feature_dim
        if auxiliary.vocabulary is not None:
            self.feature_names_in_ = np.array(names, dtype=object)
        self._set_fitted(model, described, hyperparameters, epochs)
        return self

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.input_tags.positive_only = True
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags

    def _check_length(self, feature_names: Sequence[str]) -> None:
        if len(feature_names) != self.n_features_in_:
            raise ValueError(f"feature_names has {len(feature_names)} words, but the model has {self.n_features_in_}.")

    @property
    def _n_features_out(self) -> int:
        return self.model_.num_topics

    def _set_fitted(self, model: TopicModel, described: Topics, hyperparameters: Hyperparameters, epochs: int) -> None:
        self.model_, self.topics_, self.n_iter_ = model, described, epochs
        self.components_ = np.ascontiguousarray(model.word_probabilities().T)
        self._trained_with = hyperparameters

    def _bag(self, X: object, reset: bool = False) -> BagOfWords:  # noqa: N803
        counts = validate_data(self, X, accept_sparse="coo", dtype=[np.float64, np.float32], reset=reset)
        check_non_negative(counts, f"{type(self).__name__}.{'fit' if reset else 'transform'}")
        entries = counts if sparse.issparse(counts) else sparse.coo_array(counts)
        rows, columns = entries.row.astype(np.int64), entries.col.astype(np.int64)
        try:
            return bag_of_words(rows, columns, entries.data, counts.shape)
        except InputError as error:
            raise ValueError(str(error)) from None

    def _hyperparameters(self, feature_dim: int, seed: int) -> Hyperparameters:
        names = {field.name for field in dataclasses.fields(Hyperparameters)}
        values = {name: _text(value) for name, value in self.get_params().items() if name in names}
        # One topic, allowed here but not in SageMaker, is the unigram model.
        single = self.n_components == 1
        values |= {"feature_dim": str(feature_dim), "num_topics": "2" if single else str(self.n_components)}
        values["seed"] = str(seed)
        try:
            parsed = Hyperparameters.parse(values)
        except InputError as error:
            raise ValueError(str(error).replace("num_topics", "n_components")) from None
        return dataclasses.replace(parsed, num_topics=1) if single else parsed

    def _split(self, bag: BagOfWords, seed: int) -> tuple[Corpus, Corpus | None]:
        held_out, fraction = 0, self.validation_fraction
        if fraction is not None:
            if not 0 < fraction < 1:
                raise ValueError(f"validation_fraction is {fraction}; allowed: between 0 and 1, or None.")
            held_out = max(1, round(len(bag) * fraction))
        if held_out >= len(bag):
            raise ValueError(
                f"No documents to train on: X has {len(bag)} non-empty documents, and {held_out} of them are held out."
            )
        if not held_out:
            return Corpus.of(bag), None
        order = np.random.default_rng(seed).permutation(len(bag))
        return Corpus.of(bag.rows(order[held_out:])), Corpus.of(bag.rows(order[:held_out]))

    def _log_likelihood(self, bag: BagOfWords) -> float:
        decoder, total = self.model_.decoder, 0.0
        for part in chunks(len(bag)):
            rows = bag.rows(np.arange(len(bag))[part])
            log_p = log_softmax(self.model_.topic_weights(rows) @ decoder.weight.T + decoder.bias, axis=1)
            total += float(log_p[rows.documents, rows.words].astype(np.float64) @ rows.counts)
        return total


def _text(value: object) -> str:
    """Return a hyperparameter's value as text, as training jobs receive it."""
    if isinstance(value, Sequence | np.ndarray) and not isinstance(value, str):
        return ",".join(map(str, value))
    return str(value)


def _parameters(hyperparameters: Hyperparameters) -> dict[str, Any]:
    """Return the estimator's parameters for these hyperparameters."""
    parameters = dataclasses.asdict(hyperparameters)
    del parameters["feature_dim"], parameters["seed"]
    parameters["encoder_layers"] = hyperparameters.encoder_layers or "auto"
    return {"n_components": parameters.pop("num_topics"), **parameters}


def _read_config(directory: Path) -> tuple[Hyperparameters, int, dict[str, Any]]:
    """Return the model's hyperparameters, number of epochs and parameters specific to the estimator."""
    try:
        config = json.loads((directory / CONFIG).read_text("utf-8"))
        settings = config["hyperparameters"]
        layers, clip = settings["encoder_layers"], settings["clip_gradient"]
        # JSON has no tuple and no infinity.
        settings["encoder_layers"] = None if layers is None else tuple(layers)
        settings["clip_gradient"] = float("inf") if clip is None else clip
        training = config["training"]
        kept = {name: training[name] for name in _KEPT if name in training}
        return Hyperparameters(**settings), training["epochs"], kept
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{directory / CONFIG} is missing or damaged: {error!r}.") from None


def _read_topics(directory: Path, names: Sequence[str]) -> Topics:
    try:
        topics = json.loads((directory / TOPICS).read_text("utf-8"))["topics"]
        ids = {name: word for word, name in enumerate(names)}

        def column(name: str) -> NDArray[np.float64]:
            return np.array([topic[name] for topic in topics], np.float64)

        return Topics(
            column("share").astype(np.float32),
            np.array([[ids[word] for word, _ in topic["words"]] for topic in topics], np.int64),
            np.array([[weight for _, weight in topic["words"]] for topic in topics], np.float32),
            column("npmi"),
            column("topic_uniqueness"),
            column("wetc") if topics and "wetc" in topics[0] else None,
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{directory / TOPICS} is missing or damaged: {error!r}.") from None

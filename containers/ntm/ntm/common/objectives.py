"""Training objectives: ``elbo`` and ``topics``.

Both minimise the negative evidence lower bound of a variational autoencoder of bags of words (Miao et al., Neural
Variational Inference for Text Processing, arXiv 1511.06038). ``elbo`` does nothing else, as SageMaker documents its
NTM; its loss is low, but its topics collapse onto each other. ``topics`` adds the techniques below.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Objective:
    """Settings of a training objective.

    Attributes:
        hidden_sizes: Hidden layers of the encoder for ``encoder_layers=auto``: a width, or multiples of the number of
            topics.
        prior_variance: Variance of each latent unit's Gaussian prior, whose mean is 0. 1 favours documents that mix all
            topics; 3 is close to a Dirichlet prior of concentration 1/3 (approximation of Srivastava and Sutton, arXiv
            1703.01488).
        normalised: Batch-normalize the encoder's outputs and the decoder's logits, which keeps the decoder from
            ignoring the topics (Srivastava and Sutton).
        word_dropout: Share of a document's words hidden from the encoder, which learns to infer the topics of a
            document from part of it (Iyyer et al., Deep Unordered Composition, ACL 2015).
        hidden_dropout: Dropout rate of the encoder's last hidden layer.
        divergence: Final weight of the divergence from the prior; below 1, mixtures carry more information about their
            documents (Higgins et al., beta-VAE, ICLR 2017).
        information: Weight of the mutual information of documents and topics, in nats per document. It favours
            documents of few topics and topics of equal size (Krause et al., Discriminative Clustering by Regularized
            Information Maximization, NIPS 2010).
        embedded: Initialize the encoder with word embeddings of the corpus; see ``ntm.training.latent_semantics``.
        surplus: Factor of the number of topics at the start of training. Incoherent, dead and duplicate topics are
            dropped along the way; see ``ntm.topics.pruning``.
        build_up: Share of the epochs during which the weight of the divergence grows from 0 (Bowman et al., arXiv
            1511.06349) and surplus topics are dropped. Early stopping ignores the losses of these epochs: their
            objective differs.
        annealed: Warm up the learning rate over the first tenth of the steps, then decrease it to 0 along a half cosine
            (Loshchilov and Hutter, arXiv 1608.03983).
    """

    hidden_sizes: tuple[float, ...] | int
    prior_variance: float
    normalised: bool
    word_dropout: float
    hidden_dropout: float
    divergence: float
    information: float
    embedded: bool
    surplus: float
    build_up: float
    annealed: bool

    def auto_layers(self, num_topics: int) -> tuple[int, ...]:
        """Return the widths of the hidden layers for ``encoder_layers=auto``."""
        if isinstance(self.hidden_sizes, int):
            return (self.hidden_sizes,)
        return tuple(round(times * num_topics) for times in self.hidden_sizes)


ELBO = Objective(
    hidden_sizes=(3, 2),
    prior_variance=1.0,
    normalised=False,
    word_dropout=0.0,
    hidden_dropout=0.0,
    divergence=1.0,
    information=0.0,
    embedded=False,
    surplus=1.0,
    build_up=0.0,
    annealed=False,
)

TOPICS = Objective(
    hidden_sizes=256,
    prior_variance=3.0,
    normalised=True,
    word_dropout=0.5,
    hidden_dropout=0.2,
    divergence=0.5,
    information=3.0,
    embedded=True,
    surplus=1.6,
    build_up=0.7,
    annealed=True,
)

OBJECTIVES = {"topics": TOPICS, "elbo": ELBO}

"""What training minimises, and by which means: ``objective=elbo`` or ``objective=topics``.

Both minimise the negative evidence lower bound of a variational autoencoder of bags of words (Miao et al., Neural
Variational Inference for Text Processing, arXiv 1511.06038). ``elbo`` is that and nothing else: what SageMaker
documents of its NTM. A low loss is not a good model, though: its topics collapse onto each other. ``topics`` differs
from it by the means below.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Objective:
    """How training goes about it.

    Attributes:
        hidden_sizes: the encoder's hidden layers where ``encoder_layers`` is ``auto``, given the number of topics.
        prior_variance: of each unit of the latent Gaussian, around 0. 1 favours documents that are of all topics; 3 is
            about a Dirichlet prior of concentration 1/3 (the approximation of Srivastava and Sutton, arXiv 1703.01488).
        normalised: whether the encoder's outputs and the decoder's logits are normalised over the batch, which keeps
            topics from being ignored (Srivastava and Sutton).
        word_dropout: share of a document's words that the encoder is not shown: it learns to tell from a part of a
            document what all of it is about (Iyyer et al., Deep Unordered Composition, ACL 2015).
        hidden_dropout: share of the encoder's last hidden units that are dropped.
        divergence: weight of the divergence from the prior when it has grown; below 1, mixtures tell more of their
            documents (Higgins et al., beta-VAE, ICLR 2017).
        information: weight, in nats a document, of the mutual information of documents and topics: documents are to
            be of few topics, and topics of equal size (Krause et al., Discriminative Clustering by Regularized
            Information Maximization, NIPS 2010).
        embedded: whether the encoder starts from word embeddings of the corpus; see ``ntm.training.latent_semantics``.
        surplus: training starts with this many times as many topics; the worst are dropped on the way: those that are
            incoherent, dead, or say what another says. See ``ntm.topics.pruning``.
        build_up: part of the epochs in which the weight of the divergence grows from 0 (Bowman et al., arXiv
            1511.06349) and surplus topics are dropped. Losses from before its end are of another objective: early
            stopping does not look at them.
        annealed: whether the learning rate goes up over the first tenth of the steps and then down to 0 as a half
            cosine (Loshchilov and Hutter, arXiv 1608.03983).
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
        """Return the widths of the hidden layers that ``encoder_layers=auto`` stands for."""
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

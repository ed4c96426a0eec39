"""From raw text to bags of words."""

from dataclasses import asdict, dataclass
from typing import Literal

from aws_cdk import Duration, aws_iam

from constructs import Construct
from constructs.common.grants import grant
from constructs.definition.expressions import Json
from constructs.definition.steps import LambdaStep
from constructs.functions.python_function import FunctionSettings, PythonFunction, PythonFunctionProps

OUTPUTS = (
    "feature_dim",
    "documents",
    "train_documents",
    "validation_documents",
    "test_documents",
    "train_uri",
    "validation_uri",
    "test_uri",
    "auxiliary_uri",
    "documents_uri",
    "heldout_uri",
    "scoring_uri",
    "meta_uri",
    "corpus_version",
)
"""What the function answers, see ``lambdas/preprocess/handler.py``."""


@dataclass(frozen=True, kw_only=True)
class BagOfWordsSettings:
    """How a document becomes a bag of words, in the function's own names.

    Attributes:
        vocabulary_size: words kept at most.
        min_document_frequency: words that fewer documents contain are left out.
        max_document_share: words that a greater share of the documents contains are left out.
        min_word_length: shorter words are left out.
        stop_words: the list of words that are left out.
        validation_share: share of the documents that validates.
        test_share: share of the documents that is held out.
        train_shards: at least so many objects of training documents, one for each host that trains.
        word_vectors_uri: S3 URI of word vectors by which training judges topics; None without.
    """

    vocabulary_size: int
    min_document_frequency: int
    max_document_share: float
    min_word_length: int
    stop_words: Literal["english", "none"]
    validation_share: float
    test_share: float
    train_shards: int
    word_vectors_uri: str | None


class PreprocessingFunction(Construct):
    """The preprocessing function and the pipeline's step that invokes it.

    Attributes:
        function: the function; it needs to read corpora and to write bags of words.
    """

    def __init__(
        self, scope: Construct, id: str, *, settings: BagOfWordsSettings, memory_mb: int, functions: FunctionSettings
    ) -> None:
        super().__init__(scope, id)
        self._settings = settings
        self.function = PythonFunction(
            self,
            "Preprocess",
            PythonFunctionProps(
                folder="preprocess",
                description="Makes bags of words of a corpus",
                timeout=Duration.minutes(15),
                memory_mb=memory_mb,
                settings=functions,
            ),
        ).function

    def step(self, *, corpus_uri: Json, text_columns: Json, id_column: Json, output_uri: Json) -> LambdaStep:
        """Return the step that preprocesses one corpus, of which a run says where it lies and which columns count."""
        settings = {name: str(value) for name, value in asdict(self._settings).items() if value is not None}
        return LambdaStep(
            name="Preprocess",
            function_arn=self.function.function_arn,
            arguments={
                "corpus_uri": corpus_uri,
                "text_columns": text_columns,
                "id_column": id_column,
                "output_uri": output_uri,
                **settings,
            },
            outputs=OUTPUTS,
        )

    def grant_invoke(self, grantee: aws_iam.IGrantable) -> None:
        """Let the grantee invoke the function, as the step does."""
        grant(grantee, actions=["lambda:InvokeFunction"], resources=[self.function.function_arn])

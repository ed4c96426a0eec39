"""Preprocessing of raw text into bags of words."""

from dataclasses import asdict, dataclass
from typing import Literal

from aws_cdk import Duration, aws_iam

from constructs import Construct
from constructs.common.grants import grant
from constructs.definition.expressions import Json
from constructs.definition.steps import LambdaStep
from constructs.functions.python_function import FunctionSettings, PythonFunction, PythonFunctionProps

# The excerpts of the test documents are kept in /tmp: a gigabyte for a million of them.
_STORAGE_MB = 4096

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
    "corpus",
    "corpus_version",
)
"""Keys of the function's result; see ``lambdas/preprocess/handler.py``."""


@dataclass(frozen=True, kw_only=True)
class BagOfWordsSettings:
    """Settings of the preprocessing function, under its own names.

    Attributes:
        vocabulary_size: Maximum number of words.
        min_document_frequency: Minimum number of documents that contain a word.
        max_document_share: Maximum share of the documents that contain a word.
        min_word_length: Minimum length of a word.
        stop_words: List of stop words.
        validation_share: Share of the documents in the validation split.
        test_share: Share of the documents in the test split.
        train_shards: Minimum number of training objects, one for each training host.
        word_vectors_uri: S3 URI of word vectors for topic quality metrics during training, if any.
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
    """Preprocessing function and the pipeline step that invokes it.

    Attributes:
        function: Lambda function. It must be allowed to read corpora and to write bags of words.
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
                description="Converts a corpus to bags of words",
                timeout=Duration.minutes(15),
                memory_mb=memory_mb,
                storage_mb=_STORAGE_MB,
                settings=functions,
            ),
        ).function

    def step(self, *, corpus_uri: Json, text_columns: Json, id_column: Json, output_uri: Json) -> LambdaStep:
        """Return the step that preprocesses a corpus; the arguments come from the run's parameters."""
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
        """Allow invoking the function."""
        grant(grantee, actions=["lambda:InvokeFunction"], resources=[self.function.function_arn])

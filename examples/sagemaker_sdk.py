"""Topics with the SageMaker Python SDK and AWS's own NTM: train, tune, deploy, predict, transform.

``pip install "sagemaker>=2.257,<3"``, and with credentials of an AWS account:

    python examples/sagemaker_sdk.py --role arn:aws:iam::<account>:role/<execution role> --bucket <bucket>

There it costs what a few instances cost for a quarter of an hour. The same script runs against the local cloud, where
this project's container stands in for AWS's image; nothing changes but the endpoint, which this sets:

    eval "$(topicsmith local env)"

The bucket is made if it is not there. It has to have a name: for one of its own choice the SDK asks AWS, whatever the
endpoint, which account this is.
"""

import argparse
import io
import json
import random
from pathlib import Path
from typing import Any

import numpy as np
from sagemaker import Session, image_uris
from sagemaker.amazon.common import write_spmatrix_to_sparse_tensor
from sagemaker.deserializers import JSONDeserializer
from sagemaker.estimator import Estimator
from sagemaker.inputs import TrainingInput
from sagemaker.predictor import Predictor
from sagemaker.s3 import S3Downloader, S3Uploader
from sagemaker.serializers import CSVSerializer
from sagemaker.tuner import CategoricalParameter, ContinuousParameter, HyperparameterTuner
from scipy.sparse import csr_matrix

_SUBJECTS = """\
kitchen: oven whisk butter simmer garlic skillet pastry recipe roast pepper
garden: seedling compost prune orchard mulch tulip trellis weeds harvest soil
railway: locomotive platform signal freight carriage timetable junction rails sleeper depot
"""
TOPICS = {name: words.split() for name, words in (line.split(":") for line in _SUBJECTS.splitlines())}
VOCABULARY = sorted(word for words in TOPICS.values() for word in words)
HOSTS = 2
INSTANCE = "ml.c5.xlarge"

Bags = np.ndarray[Any, np.dtype[np.float32]]


def make_corpus(documents: int, seed: int) -> tuple[list[str], Bags]:
    """Return documents that are each about one subject: the subjects, and a row of word counts a document."""
    chance = random.Random(seed)
    subjects = [chance.choice(list(TOPICS)) for _ in range(documents)]
    bags = np.zeros((documents, len(VOCABULARY)), dtype=np.float32)
    for row, subject in enumerate(subjects):
        for word in chance.choices(TOPICS[subject], k=chance.randint(10, 30)):
            bags[row, VOCABULARY.index(word)] += 1
    return subjects, bags


class Example:
    """The steps, one after another, in the session's bucket.

    Args:
        session: of the SDK.
        role: the ARN of the role that SageMaker takes on to work.
    """

    def __init__(self, session: Session, role: str):
        self.session = session
        self.role = role
        self.place = f"s3://{session.default_bucket()}/sagemaker-sdk-example"
        self.image = image_uris.retrieve("ntm", session.boto_region_name)

    def upload(self) -> dict[str, TrainingInput]:
        """Put a corpus to S3 in RecordIO, the training documents in a part for each host; return the channels."""
        parts = {f"train/part-{host}": make_corpus(300, seed=host)[1] for host in range(HOSTS)}
        for name, bags in {**parts, "validation/part-0": make_corpus(100, seed=HOSTS)[1]}.items():
            stream = io.BytesIO()
            write_spmatrix_to_sparse_tensor(stream, csr_matrix(bags))
            S3Uploader.upload_bytes(stream.getvalue(), f"{self.place}/{name}", sagemaker_session=self.session)
        recordio = "application/x-recordio-protobuf"
        return {
            "train": TrainingInput(f"{self.place}/train/", content_type=recordio, distribution="ShardedByS3Key"),
            "validation": TrainingInput(f"{self.place}/validation/", content_type=recordio),
        }

    def estimator(self, hosts: int, **more: Any) -> Estimator:
        """Return AWS's NTM, for three topics."""
        estimator = Estimator(
            self.image,
            self.role,
            instance_count=hosts,
            instance_type=INSTANCE,
            output_path=f"{self.place}/models",
            sagemaker_session=self.session,
        )
        estimator.set_hyperparameters(
            feature_dim=len(VOCABULARY), num_topics=len(TOPICS), mini_batch_size=32, epochs=30, **more
        )
        return estimator

    def tune(self, channels: dict[str, TrainingInput]) -> HyperparameterTuner:
        """Look for a learning rate and an optimizer."""
        tuner = HyperparameterTuner(
            self.estimator(hosts=1),
            objective_metric_name="validation:total_loss",
            objective_type="Minimize",
            hyperparameter_ranges={
                "learning_rate": ContinuousParameter(0.003, 0.05, scaling_type="Logarithmic"),
                "optimizer": CategoricalParameter(["adam", "rmsprop"]),
            },
            max_jobs=4,
            max_parallel_jobs=2,
        )
        tuner.fit(channels, include_cls_metadata=False)
        return tuner

    def transform(self, estimator: Estimator, bags: Bags) -> list[list[float]]:
        """Return the topic weights of documents that lie in S3 as lines of CSV."""
        lines = "\n".join(",".join(f"{count:g}" for count in row) for row in bags)
        source = S3Uploader.upload_string_as_file_body(
            lines, f"{self.place}/documents/all.csv", sagemaker_session=self.session
        )
        transformer = estimator.transformer(
            instance_count=1,
            instance_type=INSTANCE,
            strategy="MultiRecord",
            assemble_with="Line",
            accept="application/jsonlines",
            output_path=f"{self.place}/weights",
        )
        transformer.transform(source, content_type="text/csv", split_type="Line", logs=False)
        transformer.wait(logs=False)
        transformer.delete_model()
        written = S3Downloader.read_file(f"{self.place}/weights/all.csv.out", sagemaker_session=self.session)
        return [json.loads(line)["topic_weights"] for line in written.splitlines()]

    def run(self) -> dict[str, Any]:
        """Do all steps and return what came of them."""
        channels = self.upload()
        estimator = self.estimator(hosts=HOSTS, learning_rate=0.01, optimizer="adam")
        estimator.fit(channels)
        tuner = self.tune(channels)
        best = tuner.best_estimator()
        subjects, bags = make_corpus(30, seed=99)
        predictor: Predictor = best.deploy(
            initial_instance_count=1,
            instance_type=INSTANCE,
            serializer=CSVSerializer(),
            deserializer=JSONDeserializer(),
        )
        try:
            answer = predictor.predict(bags)
        finally:
            predictor.delete_model()
            predictor.delete_endpoint()
        told = ["TrainingJobName", "FinalObjectiveValue", "learning_rate", "optimizer"]
        return {
            "model": estimator.model_data,
            "trials": tuner.analytics().dataframe()[told].to_dict("records"),
            "best": tuner.best_training_job(),
            "subjects": subjects,
            "predicted": [prediction["topic_weights"] for prediction in answer["predictions"]],
            "transformed": self.transform(estimator, bags),
        }


def main() -> None:
    """Run the example and write what came of it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--role", required=True, help="the ARN of SageMaker's execution role")
    parser.add_argument("--bucket", required=True, help="the bucket for the data")
    parser.add_argument("--output", type=Path, default=Path("sagemaker-sdk.json"), help="where the results go")
    arguments = parser.parse_args()
    results = Example(Session(default_bucket=arguments.bucket), arguments.role).run()
    arguments.output.write_text(json.dumps(results, indent=1))
    print(
        f"\nThe best of {len(results['trials'])} training jobs was {results['best']}. All results: {arguments.output}"
    )


if __name__ == "__main__":
    main()

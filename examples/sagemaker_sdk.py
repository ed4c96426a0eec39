"""The SageMaker Python SDK with AWS's built-in NTM: train, tune, deploy, predict, transform.

Install the SDK with ``pip install "sagemaker>=2.257,<3"`` and run the script with credentials of an AWS account:

    python examples/sagemaker_sdk.py --role arn:aws:iam::<account>:role/<execution role> --bucket <bucket>

In AWS this costs a few instances for about 15 minutes. The unchanged script also runs against the local cloud, where
this project's container replaces the built-in image. Point the SDK at the local cloud first:

    eval "$(topicsmith local env)"

The bucket is created if it does not exist. Its name is required: to derive a default name, the SDK would ask AWS for
the account number, even with another endpoint set. AWS supports this version of the SDK until July 2027; the same with
its successor: ``sagemaker_sdk_v3.py``.
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
    """Return the subject of each document and a matrix with the word counts of one document per row."""
    chance = random.Random(seed)
    subjects = [chance.choice(list(TOPICS)) for _ in range(documents)]
    bags = np.zeros((documents, len(VOCABULARY)), dtype=np.float32)
    for row, subject in enumerate(subjects):
        for word in chance.choices(TOPICS[subject], k=chance.randint(10, 30)):
            bags[row, VOCABULARY.index(word)] += 1
    return subjects, bags


class Example:
    """The steps of the example, run in the session's default bucket.

    Args:
        session: SageMaker session.
        role: ARN of the execution role.
    """

    def __init__(self, session: Session, role: str):
        self.session = session
        self.role = role
        self.place = f"s3://{session.default_bucket()}/sagemaker-sdk-example"
        self.image = image_uris.retrieve("ntm", session.boto_region_name)

    def upload(self) -> dict[str, TrainingInput]:
        """Upload a corpus as RecordIO, with one training shard per host, and return the channels."""
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
        """Return an estimator of the built-in NTM with three topics."""
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
        """Tune the learning rate and the optimizer."""
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
        """Upload the documents as CSV and return their topic weights from a batch transform job."""
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
        """Run all steps and return the results."""
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
        columns = ["TrainingJobName", "FinalObjectiveValue", "learning_rate", "optimizer"]
        return {
            "model": estimator.model_data,
            "trials": tuner.analytics().dataframe()[columns].to_dict("records"),
            "best": tuner.best_training_job(),
            "subjects": subjects,
            "predicted": [prediction["topic_weights"] for prediction in answer["predictions"]],
            "transformed": self.transform(estimator, bags),
        }


def main() -> None:
    """Run the example and write the results to a file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--role", required=True, help="ARN of the SageMaker execution role")
    parser.add_argument("--bucket", required=True, help="bucket for data and models")
    parser.add_argument("--output", type=Path, default=Path("sagemaker-sdk.json"), help="file for the results")
    arguments = parser.parse_args()
    results = Example(Session(default_bucket=arguments.bucket), arguments.role).run()
    arguments.output.write_text(json.dumps(results, indent=1))
    print(f"\nBest of {len(results['trials'])} training jobs: {results['best']}. Results: {arguments.output}")


if __name__ == "__main__":
    main()

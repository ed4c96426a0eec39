"""The SageMaker Python SDK 3 with AWS's built-in NTM: train, tune, deploy, predict, transform.

Install the SDK with ``pip install "sagemaker>=3.27,<4"`` and run the script with credentials of an AWS account:

    python examples/sagemaker_sdk_v3.py --role arn:aws:iam::<account>:role/<execution role> --bucket <bucket>

In AWS this costs a few instances for about 15 minutes. The unchanged script also runs against the local cloud, where
this project's container replaces the built-in image. Point the SDK at the local cloud first:

    eval "$(topicsmith local env)"

The bucket is created if it does not exist. Of the role, the SDK requires the permissions of AWS's guide, those on
network interfaces included: https://docs.aws.amazon.com/sagemaker/latest/dg/sagemaker-roles.html.

``sagemaker_sdk.py`` does the same with version 2 of the SDK, which AWS supports until July 2027.
"""

import argparse
import json
import random
from pathlib import Path
from typing import Any

import boto3
from sagemaker.core import image_uris
from sagemaker.core.helper.session_helper import Session
from sagemaker.core.parameter import CategoricalParameter, ContinuousParameter
from sagemaker.core.resources import Endpoint, EndpointConfig, Model, TrainingJob, TransformJob
from sagemaker.core.shapes import (
    Channel,
    ContainerDefinition,
    DataSource,
    OutputDataConfig,
    ProductionVariant,
    S3DataSource,
    TransformDataSource,
    TransformInput,
    TransformOutput,
    TransformResources,
    TransformS3DataSource,
)
from sagemaker.train import ModelTrainer
from sagemaker.train.configs import Compute, StoppingCondition
from sagemaker.train.tuner import HyperparameterTuner

_SUBJECTS = """\
kitchen: oven whisk butter simmer garlic skillet pastry recipe roast pepper
garden: seedling compost prune orchard mulch tulip trellis weeds harvest soil
railway: locomotive platform signal freight carriage timetable junction rails sleeper depot
"""
TOPICS = {name: words.split() for name, words in (line.split(":") for line in _SUBJECTS.splitlines())}
VOCABULARY = sorted(word for words in TOPICS.values() for word in words)
HOSTS = 2
INSTANCE = "ml.c5.xlarge"

Bags = list[list[int]]


def make_corpus(documents: int, seed: int) -> tuple[list[str], Bags]:
    """Return the subject of each document and its word counts."""
    chance = random.Random(seed)
    subjects = [chance.choice(list(TOPICS)) for _ in range(documents)]
    bags = [[0] * len(VOCABULARY) for _ in subjects]
    for bag, subject in zip(bags, subjects, strict=True):
        for word in chance.choices(TOPICS[subject], k=chance.randint(10, 30)):
            bag[VOCABULARY.index(word)] += 1
    return subjects, bags


def to_csv(bags: Bags) -> str:
    """Return one document per line."""
    return "\n".join(",".join(map(str, bag)) for bag in bags)


class Example:
    """The steps of the example.

    Args:
        session: boto3 session.
        role: ARN of the execution role.
        bucket: Bucket for data and models.
    """

    def __init__(self, session: boto3.Session, role: str, bucket: str):
        self.session = Session(boto_session=session, default_bucket=bucket)
        self.role = role
        self.bucket = bucket
        self.s3 = session.client("s3")
        self.place = f"s3://{self.session.default_bucket()}/sagemaker-sdk-3-example"
        self.image = image_uris.retrieve("ntm", session.region_name)

    def put(self, name: str, text: str) -> str:
        """Write an object below the example's prefix and return its URI."""
        uri = f"{self.place}/{name}"
        self.s3.put_object(Bucket=self.bucket, Key=uri.partition(f"{self.bucket}/")[2], Body=text.encode())
        return uri

    def get(self, name: str) -> str:
        """Return an object below the example's prefix."""
        key = f"{self.place}/{name}".partition(f"{self.bucket}/")[2]
        return str(self.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read().decode())

    def upload(self) -> list[Channel]:
        """Upload a corpus as CSV, with one training shard per host, and return the channels."""
        for host in range(HOSTS):
            self.put(f"train/part-{host}.csv", to_csv(make_corpus(300, seed=host)[1]))
        self.put("validation/part-0.csv", to_csv(make_corpus(100, seed=HOSTS)[1]))
        return [self.channel("train", "ShardedByS3Key"), self.channel("validation", "FullyReplicated")]

    def channel(self, name: str, distribution: str) -> Channel:
        """Return a channel with the objects of its prefix."""
        source = S3DataSource(
            s3_data_type="S3Prefix", s3_uri=f"{self.place}/{name}/", s3_data_distribution_type=distribution
        )
        return Channel(channel_name=name, content_type="text/csv", data_source=DataSource(s3_data_source=source))

    def trainer(self, hosts: int, **more: Any) -> ModelTrainer:
        """Return a trainer of the built-in NTM with three topics."""
        return ModelTrainer(
            sagemaker_session=self.session,
            role=self.role,
            base_job_name="sdk-3-example",
            training_image=self.image,
            compute=Compute(instance_type=INSTANCE, instance_count=hosts, volume_size_in_gb=10),
            stopping_condition=StoppingCondition(max_runtime_in_seconds=1800),
            output_data_config=OutputDataConfig(s3_output_path=f"{self.place}/models"),
            hyperparameters={
                "feature_dim": len(VOCABULARY),
                "num_topics": len(TOPICS),
                "mini_batch_size": 32,
                "epochs": 30,
                **more,
            },
        )

    def train(self, channels: list[Channel]) -> TrainingJob:
        """Train on two hosts."""
        trainer = self.trainer(hosts=HOSTS, learning_rate=0.01, optimizer="adam")
        trainer.train(input_data_config=channels, logs=False)
        return trainer._latest_training_job

    def tune(self, channels: list[Channel]) -> HyperparameterTuner:
        """Tune the learning rate and the optimizer."""
        tuner = HyperparameterTuner(
            self.trainer(hosts=1),
            objective_metric_name="validation:total_loss",
            objective_type="Minimize",
            hyperparameter_ranges={
                "learning_rate": ContinuousParameter(0.003, 0.05, scaling_type="Logarithmic"),
                "optimizer": CategoricalParameter(["adam", "rmsprop"]),
            },
            max_jobs=4,
            max_parallel_jobs=2,
            base_tuning_job_name="sdk-3-example",
        )
        tuner.tune(inputs=channels)
        return tuner

    def create_model(self, name: str, artifact: str) -> Model:
        """Create a model from the artifact of a training job."""
        container = ContainerDefinition(image=self.image, model_data_url=artifact)
        return Model.create(
            session=self.session.boto_session,
            region=self.session.boto_region_name,
            model_name=name,
            primary_container=container,
            execution_role_arn=self.role,
        )

    def predict(self, name: str, artifact: str, bags: Bags) -> list[list[float]]:
        """Deploy a model, return the topic weights of documents, and delete what was made."""
        model, made = self.create_model(name, artifact), []
        where = {"session": self.session.boto_session, "region": self.session.boto_region_name}
        try:
            variant = ProductionVariant(
                variant_name="AllTraffic", model_name=name, initial_instance_count=1, instance_type=INSTANCE
            )
            made.append(EndpointConfig.create(endpoint_config_name=name, production_variants=[variant], **where))
            made.append(Endpoint.create(endpoint_name=name, endpoint_config_name=name, **where))
            made[-1].wait_for_status("InService")
            answer = made[-1].invoke(body=to_csv(bags), content_type="text/csv", accept="application/json")
            return [one["topic_weights"] for one in json.loads(answer.body.read())["predictions"]]
        finally:
            for resource in [*reversed(made), model]:
                resource.delete()

    def transform(self, name: str, artifact: str, bags: Bags) -> list[list[float]]:
        """Upload the documents as CSV and return their topic weights from a batch transform job."""
        source = TransformS3DataSource(s3_data_type="S3Prefix", s3_uri=self.put("documents/all.csv", to_csv(bags)))
        model = self.create_model(name, artifact)
        try:
            job = TransformJob.create(
                session=self.session.boto_session,
                region=self.session.boto_region_name,
                transform_job_name=name,
                model_name=name,
                batch_strategy="MultiRecord",
                transform_input=TransformInput(
                    data_source=TransformDataSource(s3_data_source=source), content_type="text/csv", split_type="Line"
                ),
                transform_output=TransformOutput(
                    s3_output_path=f"{self.place}/weights", accept="application/jsonlines", assemble_with="Line"
                ),
                transform_resources=TransformResources(instance_type=INSTANCE, instance_count=1),
            )
            job.wait()
        finally:
            model.delete()
        return [json.loads(line)["topic_weights"] for line in self.get("weights/all.csv.out").splitlines()]

    def run(self) -> dict[str, Any]:
        """Run all steps and return the results."""
        channels = self.upload()
        trained = self.train(channels)
        tuner = self.tune(channels)
        best = TrainingJob.get(
            tuner.best_training_job(),
            session=self.session.boto_session,
            region=self.session.boto_region_name,
        )
        subjects, bags = make_corpus(30, seed=99)
        columns = ["TrainingJobName", "FinalObjectiveValue", "learning_rate", "optimizer"]
        return {
            "model": trained.model_artifacts.s3_model_artifacts,
            "trials": tuner.analytics().dataframe()[columns].to_dict("records"),
            "best": best.training_job_name,
            "subjects": subjects,
            "predicted": self.predict("sdk-3-example", best.model_artifacts.s3_model_artifacts, bags),
            "transformed": self.transform("sdk-3-weights", trained.model_artifacts.s3_model_artifacts, bags),
        }


def main() -> None:
    """Run the example and write the results to a file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--role", required=True, help="ARN of the SageMaker execution role")
    parser.add_argument("--bucket", required=True, help="bucket for data and models")
    parser.add_argument("--output", type=Path, default=Path("sagemaker-sdk.json"), help="file for the results")
    arguments = parser.parse_args()
    results = Example(boto3.Session(), arguments.role, arguments.bucket).run()
    arguments.output.write_text(json.dumps(results, indent=1))
    print(f"\nBest of {len(results['trials'])} training jobs: {results['best']}. Results: {arguments.output}")


if __name__ == "__main__":
    main()

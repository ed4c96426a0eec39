"""A corpus whose name the model registry does not accept."""

from typing import Any

from tests.end_to_end.conftest import Clients


def test_any_corpus_can_be_registered(second_run: Any, clients: Clients) -> None:
    versions = clients("sagemaker").list_model_packages(ModelPackageGroupName="topicsmith-small")
    properties = [
        clients("sagemaker")
        .describe_model_package(ModelPackageName=version["ModelPackageArn"])
        .get("CustomerMetadataProperties", {})
        for version in versions["ModelPackageSummaryList"]
    ]
    (origin,) = (each for each in properties if each.get("PipelineExecutionArn") == second_run["arn"])
    assert second_run["parameters"]["CorpusUri"].endswith("/raw/отзывы & co (1).csv")
    assert origin["CorpusUri"].endswith("/raw/отзывы =26 co =281=29.csv")

"""Environments in a VPC: the VPC exists, and their jobs and functions ran in it."""

from typing import Any

from tests.end_to_end.conftest import Clients
from tests.end_to_end.environments import STRICT


def _functions(clients: Clients, environment: str) -> list[Any]:
    """Return the VPC configurations of an environment's functions, without the CDK's custom resource."""
    pages = clients("lambda").get_paginator("list_functions").paginate()
    return [
        function["VpcConfig"]
        for page in pages
        for function in page["Functions"]
        if function["FunctionName"].startswith(f"topicsmith-{environment}-")
        and "-CustomS3AutoDelete" not in function["FunctionName"]
    ]


def _jobs(clients: Clients, run: str) -> list[Any]:
    """Return the training jobs of a run, including its trials."""
    sagemaker = clients("sagemaker")
    listed = sagemaker.list_training_jobs(NameContains=run)["TrainingJobSummaries"]
    return [sagemaker.describe_training_job(TrainingJobName=job["TrainingJobName"]) for job in listed]


def test_a_private_environment_runs_in_its_own_vpc(small_run: Any, clients: Clients) -> None:
    ec2, sagemaker = clients("ec2"), clients("sagemaker")
    own = {"Name": "tag:environment", "Values": ["small"]}
    (vpc,) = ec2.describe_vpcs(Filters=[own])["Vpcs"]
    subnets = sorted(subnet["SubnetId"] for subnet in ec2.describe_subnets(Filters=[own])["Subnets"])
    endpoints = ec2.describe_vpc_endpoints(Filters=[{"Name": "vpc-id", "Values": [vpc["VpcId"]]}])["VpcEndpoints"]
    assert {endpoint["ServiceName"].rpartition("us-east-1.")[2] for endpoint in endpoints} == {
        "cloudformation",
        "s3",
        "sagemaker.api",
        "sns",
        "sqs",
    }
    jobs = _jobs(clients, small_run["id"])
    (evaluation,) = sagemaker.list_processing_jobs(NameContains=small_run["id"])["ProcessingJobSummaries"]
    evaluated = sagemaker.describe_processing_job(ProcessingJobName=evaluation["ProcessingJobName"])["NetworkConfig"]
    assert len(jobs) == 3
    assert all(job["EnableInterContainerTrafficEncryption"] for job in [*jobs, evaluated])
    assert [sorted(job["VpcConfig"]["Subnets"]) for job in [*jobs, evaluated]] == [subnets] * 4
    functions = _functions(clients, "small")
    assert [sorted(function["SubnetIds"]) for function in functions] == [subnets] * 5


def test_the_evaluation_of_an_untuned_model_is_isolated(rejected: Any, clients: Clients) -> None:
    """The local cloud gives an isolated job no credentials, and the job still succeeds."""
    sagemaker, network = clients("sagemaker"), STRICT["network"]
    (job,) = sagemaker.list_processing_jobs(NameContains=rejected["id"])["ProcessingJobSummaries"]
    described = sagemaker.describe_processing_job(ProcessingJobName=job["ProcessingJobName"])
    there = {"Subnets": network["subnets"], "SecurityGroupIds": network["security_groups"]}
    assert described["NetworkConfig"] == {"EnableNetworkIsolation": True, "VpcConfig": there}
    assert [job["VpcConfig"] for job in _jobs(clients, rejected["id"])] == [there]
    assert {tuple(function["SubnetIds"]) for function in _functions(clients, "strict")} == {tuple(network["subnets"])}

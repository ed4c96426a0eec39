"""Hyperparameter tuning jobs: moto stores them, and training jobs do the work."""

import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from moto.core.utils import camelcase_to_underscores
from moto.sagemaker.exceptions import ResourceInUseException, ResourceNotFound, ValidationError

from localcloud.core.role_sessions import SAGEMAKER, AccessDenied, assume_role
from localcloud.runtime.s3_data import S3Uri
from localcloud.services.sagemaker.training.backend import TrainingJobs, check_spot
from localcloud.services.sagemaker.training.built_in import built_in_definitions
from localcloud.services.sagemaker.training.record import LocalTrainingJob
from localcloud.services.sagemaker.training.run import Watch
from localcloud.services.sagemaker.tuning.plan import Plan, RequestError
from localcloud.services.sagemaker.tuning.record import LocalTuningJob

if TYPE_CHECKING:
    from localcloud.services.sagemaker.tuning.run import TuningRun

# Members of the definition that training jobs inherit unchanged.
_PASSED_ON = (
    "RoleArn",
    "InputDataConfig",
    "OutputDataConfig",
    "ResourceConfig",
    "StoppingCondition",
    "VpcConfig",
    "EnableNetworkIsolation",
    "EnableInterContainerTrafficEncryption",
    "EnableManagedSpotTraining",
    "RetryStrategy",
    "Environment",
)
_RESOURCES = ("InstanceType", "InstanceCount", "VolumeSizeInGB", "VolumeKmsKeyId")


class TuningJobs(TrainingJobs):
    """SageMaker's hyperparameter tuning jobs."""

    hyper_parameter_tuning_jobs: dict[str, LocalTuningJob]  # type: ignore[assignment]

    def __init__(self, region_name: str, account_id: str):
        super().__init__(region_name, account_id)
        self._tuning_runs: dict[str, TuningRun] = {}

    def create_hyper_parameter_tuning_job(
        self,
        hyper_parameter_tuning_job_name: str,
        hyper_parameter_tuning_job_config: dict[str, Any],
        training_job_definition: dict[str, Any] | None,
        training_job_definitions: list[dict[str, Any]] | None = None,
        warm_start_config: dict[str, Any] | None = None,
        tags: list[dict[str, str]] | None = None,
        autotune: dict[str, Any] | None = None,
    ) -> str:
        """Start a tuning job and return its ARN.

        Raises:
            ResourceInUseException: A job with this name exists.
            ValidationError: The request is invalid, or SageMaker may not assume the role.
        """
        name, config = hyper_parameter_tuning_job_name, hyper_parameter_tuning_job_config
        if training_job_definition is None or training_job_definitions or autotune:
            raise ValidationError(
                "The local cloud tunes the training jobs of one TrainingJobDefinition, without Autotune."
            )
        if name in self.hyper_parameter_tuning_jobs:
            arn = self.hyper_parameter_tuning_jobs[name].arn
            raise ResourceInUseException(
                "Hyperparameter tuning job names must be unique within an AWS account and region, "
                f"and a hyperparameter tuning job with this name already exists ({arn})"
            )
        try:
            plan = Plan.of(name, config, training_job_definition)
            assume_role(training_job_definition["RoleArn"], SAGEMAKER, name, self.region_name)
        except (AccessDenied, RequestError) as error:
            raise ValidationError(str(error)) from error
        check_spot(_underscored(training_job_definition), self.account_id)
        definition = _completed(training_job_definition, config)
        job = LocalTuningJob(
            self._parents(config, definition, warm_start_config),
            hyper_parameter_tuning_job_name=name,
            hyper_parameter_tuning_job_config=config,
            region_name=self.region_name,
            account_id=self.account_id,
            training_job_definition=definition,
            warm_start_config=warm_start_config,
            tags=tags,
        )
        from localcloud.services.sagemaker.tuning.run import TuningRun  # Imports Optuna, which is slow.

        def start_trial(trial: str, values: dict[str, str], watch: Watch) -> LocalTrainingJob:
            request = _trial_request(definition, values, trial)
            return self.create_training_job(
                training_job_name=trial, tags=tags, tuning_job_arn=job.arn, watch=watch, **_underscored(request)
            )

        run = TuningRun(job, plan, start_trial, lambda trial: self._training_runs[trial].request_stop())
        self.hyper_parameter_tuning_jobs[name] = job
        self._tuning_runs[name] = run
        threading.Thread(target=run.run, name=name, daemon=True).start()
        return job.arn

    def stop_hyper_parameter_tuning_job(self, name: str) -> None:
        """Ask a tuning job and its training jobs to stop.

        Raises:
            ResourceNotFound: The job does not exist.
            ValidationError: The job is over.
        """
        job = self.tuning_job(name)
        if job.ended:
            raise ValidationError(
                "The request was rejected because the hyperparameter tuning job is in status "
                f"{job.hyper_parameter_tuning_job_status}."
            )
        self._tuning_runs[name].request_stop()

    def tuning_job(self, name: str) -> LocalTuningJob:
        """Return the record of a tuning job.

        Raises:
            ResourceNotFound: The job does not exist.
        """
        if name not in self.hyper_parameter_tuning_jobs:
            raise ResourceNotFound(f"Could not find hyper parameter tuning job '{name}'.")
        return self.hyper_parameter_tuning_jobs[name]

    def _parents(
        self, config: Mapping[str, Any], definition: Mapping[str, Any], warm_start: Mapping[str, Any] | None
    ) -> list[LocalTuningJob]:
        if not warm_start:
            return []
        if config["Strategy"] not in ("Bayesian", "Random"):
            raise ValidationError(f"A warm start needs the strategy Bayesian or Random, not {config['Strategy']}.")
        parents = [
            self.tuning_job(parent["HyperParameterTuningJobName"])
            for parent in warm_start["ParentHyperParameterTuningJobs"]
        ]
        ours = _hyperparameters(config, definition)
        for parent in parents:
            name = parent.hyper_parameter_tuning_job_name
            if not parent.ended:
                raise ValidationError(f"Tuning job {name} is still running; a warm start needs a finished job.")
            if parent.objective != config["HyperParameterTuningJobObjective"]:
                raise ValidationError(f"Tuning job {name} has another objective: {parent.objective}.")
            # Between static and tuned they may change:
            # https://docs.aws.amazon.com/sagemaker/latest/dg/automatic-model-tuning-warm-start.html.
            theirs = _hyperparameters(parent.hyper_parameter_tuning_job_config, parent.training_job_definition or {})
            if changed := theirs ^ ours:
                raise ValidationError(
                    "A warm start needs the same hyperparameters, static or tuned, as in the parent tuning job "
                    f"{name}; only one of the two has {', '.join(sorted(changed))}."
                )
        return parents


def _hyperparameters(config: Mapping[str, Any], definition: Mapping[str, Any]) -> set[str]:
    tuned = {one["Name"] for ranges in (config.get("ParameterRanges") or {}).values() for one in ranges}
    return tuned | (definition.get("StaticHyperParameters") or {}).keys()


def _completed(definition: Mapping[str, Any], config: Mapping[str, Any]) -> dict[str, Any]:
    """Return a definition with the members that SageMaker adds, as in DescribeHyperParameterTuningJob."""
    resources = definition.get("ResourceConfig") or definition.get("HyperParameterTuningResourceConfig") or {}
    resources = {**next(iter(resources.get("InstanceConfigs") or [{}])), **resources}
    specification = definition["AlgorithmSpecification"]
    metrics = built_in_definitions(specification["TrainingImage"], definition["RoleArn"])
    return {
        **definition,
        "StaticHyperParameters": {
            **(definition.get("StaticHyperParameters") or {}),
            "_tuning_objective_metric": config["HyperParameterTuningJobObjective"]["MetricName"],
        },
        "AlgorithmSpecification": {"MetricDefinitions": metrics, **specification},
        "ResourceConfig": {name: resources[name] for name in _RESOURCES if name in resources},
    }


def _trial_request(definition: Mapping[str, Any], values: Mapping[str, str], trial: str) -> dict[str, Any]:
    """Return the request of a training job with these hyperparameter values."""
    request = {
        **{name: definition[name] for name in _PASSED_ON if definition.get(name) is not None},
        "AlgorithmSpecification": dict(definition["AlgorithmSpecification"]),
        "HyperParameters": {**definition["StaticHyperParameters"], **values},
    }
    if checkpoints := definition.get("CheckpointConfig"):  # One prefix per job, or a job would resume another one.
        request["CheckpointConfig"] = {**checkpoints, "S3Uri": str(S3Uri.parse(checkpoints["S3Uri"]) / trial)}
    return request


def _underscored(request: Mapping[str, Any]) -> dict[str, Any]:
    return {camelcase_to_underscores(name): value for name, value in request.items()}

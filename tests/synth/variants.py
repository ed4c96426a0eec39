"""Environments that cover the options which the shipped ones do not use."""

from tests.synth.assembly import JsonObject

_PACKAGE = "arn:aws:sagemaker:us-east-1:123456789012:model-package/topicsmith-{}/7"

VARIANTS: dict[str, JsonObject] = {
    "builtin": {
        "region": "us-east-1",
        "algorithm": "builtin",
        "tuning": {"strategy": "random", "warm_start": {"from_job": "topics-1"}, "cache_days": 7, "spot": True},
        "serving": {
            "min_instances": 4,
            "max_instances": 10,
            "variants": [
                {
                    "name": "Challenger-1",
                    "model_package": _PACKAGE.format("builtin"),
                    "weight": 0.25,
                    "instance_type": "ml.c5.2xlarge",
                    "min_instances": 2,
                    "max_instances": 4,
                }
            ],
            "cpu_target": 70,
            "update": {"policy": "linear", "size_percent": 25, "wait_seconds": 600},
        },
    },
    "grid": {
        "region": "us-east-1",
        "tuning": {
            "strategy": "grid",
            "objective": "validation:wetc",
            "parallel_jobs": 3,
            "spot": True,
            "max_runtime_minutes": 90,
            "ranges": {
                "learning_rate": {"values": [0.01, 0.1]},
                "mini_batch_size": {"values": [64, 128]},
                "rescale_gradient": None,
                "weight_decay": None,
            },
        },
        "evaluation": {"word_vectors": "glove.txt"},
        "network": {
            "mode": "existing",
            "subnets": ["subnet-0123456789abcdef0", "subnet-12345678"],
            "security_groups": ["sg-0123456789abcdef0"],
        },
    },
    "short": {
        "region": "us-east-1",
        "permissions_boundary": "limits/topics",
        "tuning": {"enabled": False},
        "training": {"hyperparameters": {"learning_rate": 0.01}},
        "vectorize": {"enabled": False},
        "retries": {"attempts": 0},
        "evaluation": {"word_vectors": "glove.txt", "quote_documents": False},
        "gate": {"wetc": 0.1},
        "triggers": {"on_upload": True, "schedule": {"expression": "rate(7 days)", "corpus": "reviews/"}},
        "notifications": {"emails": ["topics@example.org"]},
        "budget": {"monthly_usd": 250, "alert_percents": [50, 100]},
        "http_api": {"auth": "iam"},
        "serving": {"mode": "serverless", "serverless": {"provisioned_concurrency": 2}},
    },
    "spot": {
        "region": "us-east-1",
        "tuning": {
            "strategy": "hyperband",
            "objective": "validation:npmi",
            "ranges": {"num_topics": {"min": 5, "max": 50}},
            "completion": {"target": 0.3, "stop_after_jobs_without_improvement": 5, "on_convergence": True},
            "spot": True,
            "max_job_wait_minutes": 75,
        },
        "training": {"instance_count": 2, "spot": True, "max_wait_minutes": 90},
        "network": {"mode": "private", "zones": 3, "cidr": "10.20.0.0/20", "encrypt_inter_container_traffic": True},
        "serving": {
            "shadow": {"model_package": _PACKAGE.format("spot"), "sampling_percent": 25, "instances": 2},
            "data_capture": {"enabled": True, "sampling_percent": 10},
            "scheduled_scaling": [
                {
                    "name": "morning",
                    "schedule": "cron(0 8 ? * MON-FRI *)",
                    "timezone": "Europe/Berlin",
                    "min_instances": 4,
                    "max_instances": 8,
                },
                {"name": "evening", "schedule": "cron(0 20 ? * * *)", "min_instances": 1, "max_instances": 2},
            ],
            "update": {"rollback": False},
        },
    },
    "volumes": {
        "region": "eu-west-1",
        "tuning": {
            # The GPUs that the container accepts have local volumes.
            "allow_cpu": True,
            "instance_type": "ml.c5.4xlarge",
            "epochs": 15,
            "sample": 0.5,
            "early_stopping": True,
            "warm_start": {"from_job": "topics-1", "type": "transfer_learning"},
        },
        "training": {"allow_cpu": True, "instance_type": "ml.c5.4xlarge"},
        "tags": {"cost": "1"},
        "alarms": {"enabled": False},
        "http_api": {"auth": "jwt", "issuer": "https://login.example.org/", "audience": ["topics"], "rate_limit": 5},
    },
}
"""Environments that take the other way at each fork of the pipeline that ours do not take."""

PROMOTED: dict[str, JsonObject] = {
    "origin": {"account": "111111111111", "region": "us-east-1"},
    "middle": {"account": "123456789012", "region": "us-east-1", "promotion": {"from": "origin"}},
    "last": {
        "account": "222222222222",
        "region": "us-east-1",
        "promotion": {"from": "middle", "method": "pin"},
        "serving": {"model_package": "arn:aws:sagemaker:us-east-1:123456789012:model-package/topicsmith-middle/7"},
    },
}
"""Environments in an account each: a model of the first is registered in the second, and the third serves it there."""

"""Environments beside ours."""

from tests.synth.assembly import JsonObject

VARIANTS: dict[str, JsonObject] = {
    "builtin": {
        "region": "us-east-1",
        "algorithm": "builtin",
        "tuning": {"strategy": "random", "warm_start": {"from_job": "topics-1"}, "cache_days": 7},
    },
    "grid": {
        "region": "us-east-1",
        "tuning": {
            "strategy": "grid",
            "parallel_jobs": 3,
            "max_runtime_minutes": 90,
            "ranges": {
                "learning_rate": {"values": [0.01, 0.1]},
                "mini_batch_size": {"values": [64, 128]},
                "rescale_gradient": None,
                "weight_decay": None,
            },
        },
    },
    "short": {
        "region": "us-east-1",
        "tuning": {"enabled": False},
        "training": {"hyperparameters": {"learning_rate": 0.01}},
        "vectorize": {"enabled": False},
        "retries": {"attempts": 0},
        "evaluation": {"word_vectors": "glove.txt", "quote_documents": False},
        "gate": {"wetc": 0.1},
        "triggers": {"on_upload": True, "schedule": {"expression": "rate(7 days)", "corpus": "reviews/"}},
        "notifications": {"emails": ["topics@example.org"]},
    },
    "spot": {
        "region": "us-east-1",
        "tuning": {
            "strategy": "hyperband",
            "objective": "validation:npmi",
            "ranges": {"num_topics": {"min": 5, "max": 50}},
            "completion": {"target": 0.3, "stop_after_jobs_without_improvement": 5, "on_convergence": True},
            "warm_start": {"from_job": "topics-1", "type": "transfer_learning"},
        },
        "training": {"instance_count": 2, "spot": True, "max_wait_minutes": 90},
    },
    "volumes": {
        "region": "eu-west-1",
        "tuning": {"instance_type": "ml.p3.2xlarge"},
        "training": {"instance_type": "ml.p3.2xlarge"},
        "tags": {"cost": "1"},
    },
}
"""Environments that take the other way at each fork of the pipeline that ours do not take."""

"""Local storage of SageMaker's instance types."""

# GB by family and size, of the types that run x86 images. See
# https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instance-store-volumes.html.
_GB = {
    "g4dn": {"xlarge": 125, "2xlarge": 225, "4xlarge": 225, "8xlarge": 900, "12xlarge": 900, "16xlarge": 900},
    "g5": {
        "xlarge": 250,
        "2xlarge": 450,
        "4xlarge": 600,
        "8xlarge": 900,
        "12xlarge": 3800,
        "16xlarge": 1900,
        "24xlarge": 3800,
        "48xlarge": 7600,
    },
    "g6": {
        "xlarge": 250,
        "2xlarge": 450,
        "4xlarge": 600,
        "8xlarge": 900,
        "12xlarge": 3760,
        "16xlarge": 1880,
        "24xlarge": 3760,
        "48xlarge": 7520,
    },
    "g6e": {
        "xlarge": 250,
        "2xlarge": 450,
        "4xlarge": 600,
        "8xlarge": 900,
        "12xlarge": 3800,
        "16xlarge": 1900,
        "24xlarge": 3800,
        "48xlarge": 7600,
    },
    "g7": {"2xlarge": 440, "4xlarge": 875, "8xlarge": 930, "12xlarge": 1900, "24xlarge": 3800, "48xlarge": 7600},
    "g7e": {"2xlarge": 1900, "4xlarge": 1900, "8xlarge": 1900, "12xlarge": 3800, "24xlarge": 7600, "48xlarge": 15200},
    "p3dn": {"24xlarge": 1800},
    "p4d": {"24xlarge": 8000},
    "p4de": {"24xlarge": 8000},
    "p5": {"4xlarge": 3800, "48xlarge": 30400},
    "p5e": {"48xlarge": 30400},
    "p5en": {"48xlarge": 30400},
    "p6-b200": {"48xlarge": 30400},
    "p6-b300": {"48xlarge": 30400},
    "r5d": {
        "large": 75,
        "xlarge": 150,
        "2xlarge": 300,
        "4xlarge": 600,
        "8xlarge": 1200,
        "12xlarge": 1800,
        "16xlarge": 2400,
        "24xlarge": 3600,
    },
    "trn1": {"2xlarge": 474, "32xlarge": 7600},
    "trn1n": {"32xlarge": 7600},
    "trn2": {"48xlarge": 7600},
}


def local_storage_gb(instance_type: str) -> int | None:
    """Return the total size of the instance's local volumes, or None if it stores its data on an EBS volume."""
    _, family, size = instance_type.split(".")
    return _GB.get(family, {}).get(size)

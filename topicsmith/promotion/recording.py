"""What is recorded of a promotion before it takes effect."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Literal

from topicsmith.promotion import records
from topicsmith.promotion.candidate import Candidate
from topicsmith.promotion.environments import Side
from topicsmith.promotion.records import Place, Record
from topicsmith.promotion.served import Served


def record(
    source: Side,
    target: Side,
    candidate: Candidate,
    served: Served | None,
    *,
    method: Literal["pin", "register"],
    place: Place,
    artifacts: Mapping[str, str],
    goes_on: bool,
) -> Record:
    """Write down in the target's bucket who promotes what, and return that.

    Args:
        source: where the model comes from.
        target: where it goes.
        candidate: the model.
        served: what the target serves now.
        method: how it goes there.
        place: the model as the target knows it.
        artifacts: the SHA-256 of each object, by S3 URI.
        goes_on: whether this promotion may have been begun and recorded earlier: the latest record then is of it.
    """
    clients, bucket = target.clients, target.deployment.data_bucket
    begun = records.latest(clients.s3, bucket, 1) if goes_on else []
    if begun and begun[0].target.arn == place.arn and begun[0].run == candidate.model.run:
        return begun[0]
    model, found = candidate.model, candidate.evaluation
    new = Record(
        time=datetime.now(UTC),
        by=clients.caller,
        method=method,
        source=Place(environment=source.name, account=source.account, version=model.version, arn=model.arn),
        target=place,
        run=model.run,
        corpus=model.corpus,
        code_version=candidate.properties.get("CodeVersion"),
        metrics=found.metrics,
        baseline=found.baseline,
        gate=found.gate,
        before=served.before if served else None,
        artifacts=dict(artifacts),
    )
    records.write(clients.s3, bucket, new)
    return new

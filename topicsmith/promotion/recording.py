"""Recording of a promotion before it takes effect."""

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
    may_resume: bool,
) -> Record:
    """Write the record of a promotion to the target's bucket and return it.

    Args:
        source: The source environment.
        target: The target environment.
        candidate: The model.
        served: The model that the target serves now.
        method: The promotion method.
        place: The model in the target.
        artifacts: SHA-256 of each object, by S3 URI.
        may_resume: Whether this promotion may have been recorded before; if so, that record is returned.
    """
    clients, bucket = target.clients, target.deployment.data_bucket
    begun = records.latest(clients.s3, bucket, 1) if may_resume else []
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

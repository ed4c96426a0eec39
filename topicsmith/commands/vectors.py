"""``vectors``: the topic mixtures of the documents of a run's corpus."""

from pathlib import Path
from typing import Annotated

import typer

from topicsmith.commands import chosen_run
from topicsmith.commands.options import AsJson, Environment, RunId
from topicsmith.core import output
from topicsmith.core.aws import connect
from topicsmith.runs import run_outputs, vectors


def fetch_vectors(
    run_id: RunId,
    out: Annotated[Path, typer.Option("--out", metavar="FILE.jsonl", help="The file to write.")],
    env: Environment = "dev",
    as_json: AsJson = False,
) -> None:
    """Download the topic weights of every document of a run's corpus, as JSON Lines.

    Each line is {"id": ..., "topic_weights": [...]}, with one weight per topic;
    they sum to 1.

    Example:
      topicsmith vectors 7qk2v0xw9h3d --out vectors.jsonl
    """
    clients = connect(env)
    deployment, run = chosen_run.find(clients, env, run_id)
    uri = run_outputs.vectors_uri(clients.sagemaker, deployment, run)
    count = vectors.save(clients.s3, uri, out)
    if as_json:
        output.print_json({"run": run.id, "documents": count, "file": str(out), "uri": uri})
    else:
        output.results().print(f"Wrote the vectors of {count:,} documents to {out}", soft_wrap=True)

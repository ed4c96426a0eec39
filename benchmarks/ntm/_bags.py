"""Corpora preprocessed as in the pipeline, and training on them.

The project and the package ``ntm`` must be on the path: ``PYTHONPATH=.:containers/ntm``.
"""

import json
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer
from _common import NTM, ROOT, WORKERS, run, start

from topicsmith.corpora.demo_corpus import write_demo_corpus

LAMBDA = ROOT / "lambdas" / "preprocess"

Values = Mapping[str, str]
Corpora = Annotated[
    list[Path] | None,
    typer.Option(
        "--corpus", help="CSV file with columns id and text; may be repeated. Default: the demo's.", exists=True
    ),
]


@contextmanager
def preprocessed(sources: list[Path] | None) -> Iterator[dict[str, Path]]:
    """Yield the directory of the bags of words of each corpus, by name."""
    with TemporaryDirectory() as temporary:
        yield {
            source.stem: _preprocess(source, Path(temporary) / source.stem)
            for source in sources or [_demo(Path(temporary))]
        }


def start_training(folder: Path, hyperparameters: Values, **options: bool) -> subprocess.Popen[str]:
    """Start a training with one thread; for its parameters see ``workers/train_bags.py``."""
    request = {"folder": str(folder), "hyperparameters": hyperparameters, "threads": 1, **options}
    return start(WORKERS / "train_bags.py", json.dumps(request), threads=1, path=[NTM])


def _demo(folder: Path) -> Path:
    path = folder / "demo.csv"
    write_demo_corpus(path)
    return path


def _preprocess(source: Path, folder: Path) -> Path:
    raw = folder / "data" / "raw"
    raw.mkdir(parents=True)
    (raw / "corpus.csv").symlink_to(source.resolve())
    run(WORKERS / "preprocess_function.py", str(folder), threads=1, path=[LAMBDA])
    (meta,) = (folder / "data" / "processed").glob("*/meta.json")
    return meta.parent

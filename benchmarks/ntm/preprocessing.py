"""Preprocessing function against scikit-learn's CountVectorizer."""

from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Annotated

import synthetic
import typer
from _common import ROOT, WORKERS, Repeats, command, console, run, show, spread

LAMBDA = ROOT / "lambdas" / "preprocess"


def main(
    megabytes: Annotated[int, typer.Option(help="Size of the synthetic CSV file.", min=1)] = 200,
    repeats: Repeats = 3,
) -> None:
    """Preprocess a file of synthetic documents of 100 words, alternating, each run in a separate process.

    Both read the same CSV as a stream and choose 5,000 words: of three letters or more, in at least 5 documents and at
    most half of them, no English stop words. The function also normalises Unicode, splits the documents, and writes
    RecordIO-protobuf and its report (to a folder that stands for S3); scikit-learn writes one sparse matrix.

      preprocessing.py --megabytes 20 --repeats 1
    """
    with TemporaryDirectory() as temporary:
        folder = Path(temporary)
        (folder / "data" / "raw").mkdir(parents=True)
        source = folder / "data" / "raw" / "corpus.csv"
        documents = synthetic.write_texts(source, megabytes * 10**6)
        ours, theirs = [], []
        for _ in range(repeats):
            ours.append(run(WORKERS / "preprocess_function.py", str(folder), threads=1, path=[LAMBDA]))
            theirs.append(run(WORKERS / "preprocess_sklearn.py", str(source), str(folder / "counts.npz"), threads=1))
            seconds = f"{ours[-1]['seconds']:.1f} s and {theirs[-1]['seconds']:.1f} s"
            console.print(f"{documents:,} documents: {seconds}", soft_wrap=True)
    rows = [
        (
            name,
            spread([documents / taken["seconds"] for taken in runs], ",.0f"),
            spread([other["seconds"] / taken["seconds"] for taken, other in zip(runs, theirs, strict=True)], ".2f"),
            spread([taken["peak_mb"] for taken in runs], ",.0f"),
            spread([taken["peak_mb"] / other["peak_mb"] for taken, other in zip(runs, theirs, strict=True)], ".2f"),
            f"{median(taken['vocabulary'] for taken in runs):,.0f}",
        )
        for name, runs in (("lambdas/preprocess", ours), ("CountVectorizer", theirs))
    ]
    columns = ["", "docs/s", "ratio", "peak MB", "ratio", "words chosen"]
    show(f"{megabytes} MB, {documents:,} documents: median (minimum…maximum)", columns, rows)


if __name__ == "__main__":
    command(main)

"""A small corpus with known topics."""

import csv
import random
from pathlib import Path

_WORDS = """\
sea: harbour sailor anchor tide vessel captain reef lagoon mast cargo ferry lighthouse
bread: flour yeast dough oven crust loaf knead baker starter crumb sourdough rye
stars: galaxy nebula telescope orbit comet planet eclipse quasar astronomer lunar solar meteor
law: court judge verdict lawyer statute appeal jury witness plaintiff tribunal clause defendant
"""
TOPICS = {name: words.split() for name, words in (line.split(":") for line in _WORDS.splitlines())}


def document(topic: str, seed: int) -> str:
    chance = random.Random(f"{topic}/{seed}")
    return " ".join(chance.choices(TOPICS[topic], k=chance.randint(15, 40)))


def write_csv(path: Path, documents: int = 480) -> Path:
    """Write ``documents`` rows, a quarter per topic, and three malformed rows."""
    names = list(TOPICS)
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["key", "title", "body"])
        for number in range(documents):
            topic = names[number % len(names)]
            writer.writerow([f"{topic}-{number}", topic.title(), document(topic, number)])
        file.write("too,few\n" * 2 + "and,one,too,many\n")
    return path

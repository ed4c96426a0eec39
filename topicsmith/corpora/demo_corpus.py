"""The demo corpus: the documentation of all AWS operations in botocore, which needs no download."""

import csv
import os
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

from botocore.loaders import Loader

MIN_WORDS = 10

# Tags within a word or a sentence; any other tag ends a word.
_INLINE = frozenset(
    {"a", "abbr", "b", "code", "em", "font", "i", "kbd", "q", "s", "small", "span", "strong", "sub", "sup", "u"}
)


class _TextOfHtml(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._parts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        del attrs
        if tag not in _INLINE:
            self._parts.append(" ")

    def handle_endtag(self, tag: str) -> None:
        self.handle_starttag(tag, [])

    def handle_data(self, data: str) -> None:
        self._parts.append(data)

    def text(self) -> str:
        return " ".join("".join(self._parts).split())


def plain_text(html: str) -> str:
    """Return the text of an HTML fragment: no tags, no entities, single spaces.

    Escaped HTML (``&lt;p&gt;``, ``&amp;amp;``) is also treated as HTML: botocore has such operations.
    """
    parser = _TextOfHtml()
    parser.feed(html)
    parser.close()
    text = parser.text()
    return text if text == html or not {"<", "&"} & set(text) else plain_text(text)


def demo_documents() -> Iterator[tuple[str, str, str]]:
    """Yield (id, service, text) of the operations that the installed botocore documents in at least ten words.

    Ids look like ``s3.PutObject``. Services and operations are sorted by name, with each service's latest API.
    """
    catalogue = _loader()
    for service in catalogue.list_available_services("service-2"):
        version = catalogue.determine_latest_version(service, "service-2")
        # A loader caches everything: 400 MB with one loader for all services.
        operations = _loader().load_data(f"{service}/{version}/service-2")["operations"]
        for operation in sorted(operations):
            text = plain_text(operations[operation].get("documentation", ""))
            if len(text.split()) >= MIN_WORDS:
                yield f"{service}.{operation}", service, text


def _loader() -> Loader:
    # Ignores models in ~/.aws/models: the corpus depends on the version of botocore alone.
    return Loader([Loader.BUILTIN_DATA_PATH], include_default_search_paths=False)


def write_demo_corpus(path: Path) -> int:
    """Write the demo corpus to ``path`` atomically, as CSV with the columns ``id``, ``service`` and ``text``.

    Returns:
        The number of documents: about 14,000 of more than 430 services with botocore 1.44.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        with partial.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(("id", "service", "text"))
            count = 0
            for document in demo_documents():
                writer.writerow(document)
                count += 1
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    return count

"""The impact report on disk: a page of a stable name, and the document beside it.

Belongs here: writing both, and from what they were made. Not: what they say
(pipeline/report/impact). They lie in a folder of their own below the nightly reports, whose names
are moments.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from pipeline.staleness import Inputs
from resources.files import digest, replace_file


@dataclass(frozen=True)
class ImpactPage:
    """The file `page`, and a document of its name."""

    page: Path

    @property
    def document(self) -> Path:
        """Its words and numbers for programs, and from what it was made."""
        return self.page.with_suffix(".json")

    def made_of(self, inputs: Inputs) -> str | None:
        """The page's digest if it was made from these inputs and is what was written, else None."""
        try:
            told: dict[str, Any] = orjson.loads(self.document.read_bytes())
            page = digest(self.page.read_bytes())
        except (OSError, orjson.JSONDecodeError):
            return None
        return page if told.get("inputs") == dict(inputs) and told.get("page") == page else None

    def write(self, page: str, document: Mapping[str, Any], inputs: Inputs) -> str:
        """Replace page and document; the page's digest.

        The document is replaced last: whoever is killed before has made nothing.
        """
        data = page.encode()
        beside = orjson.dumps({**document, "inputs": dict(inputs), "page": digest(data)})
        replace_file(self.page, data)
        replace_file(self.document, beside)
        return digest(data)

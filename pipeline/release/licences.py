"""On which terms the sources of a release may be used, as their owners state them.

Belongs here: what each source's terms are, and LICENCES.md. Not: legal advice; the sources
themselves are described in the README.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from pipeline.release.markdown import plain, table_lines


@dataclass(frozen=True)
class Licence:
    """The terms of a source: in a word, in a sentence, and by address where there is one."""

    name: str
    terms: str
    notice: str
    url: str | None = None


LICENCES: Mapping[str, Licence] = {
    "paper_copilot": Licence(
        "Paper Copilot lists",
        "no licence file",
        "Development use only: titles, abstracts and Google Scholar counts that come from these "
        "lists must not be redistributed.",
    ),
    "openalex": Licence(
        "OpenAlex",
        "CC0",
        "Free for any use; OpenAlex asks to be cited.",
        "https://creativecommons.org/publicdomain/zero/1.0/",
    ),
    "semantic_scholar": Licence(
        "Semantic Scholar",
        "ODC-By 1.0, and S2's own terms",
        "Name Semantic Scholar as the source wherever its data are shown or passed on.",
        "https://opendatacommons.org/licenses/by/1-0/",
    ),
    "dblp": Licence(
        "DBLP",
        "CC0",
        "Free for any use; DBLP asks to be cited.",
        "https://creativecommons.org/publicdomain/zero/1.0/",
    ),
    "aan": Licence("ACL Anthology Network", "academic use", "For academic use only."),
}


def licence_of(source: str) -> Licence:
    """The terms of a source; those of a table of the user's own are the user's to know."""
    own = f"A table of your own, read by its mapping file: its terms are yours to know ({source})."
    return LICENCES.get(source) or Licence(source, "yours to know", own)


@dataclass(frozen=True)
class Contribution:
    """What a source contributed: records in force, papers it tells of, citations in force."""

    source: str
    records: int
    papers: int
    citations: int

    @property
    def licence(self) -> Licence:
        """Its terms."""
        return licence_of(self.source)


def contributions(
    paper_ids: pl.DataFrame, papers: pl.DataFrame, citations: pl.DataFrame
) -> list[Contribution]:
    """What each source contributed, the most papers first; sources without any are left out.

    Takes `source` and `in_force` of paper_ids and citations, `sources` of papers.
    """
    counted = {
        "records": _by_source(paper_ids.filter("in_force")["source"]),
        "papers": _by_source(papers["sources"].explode(empty_as_null=False)),
        "citations": _by_source(citations.filter("in_force")["source"]),
    }
    names = {name for counts in counted.values() for name in counts}
    found = [Contribution(s, **{k: c.get(s, 0) for k, c in counted.items()}) for s in names]
    return sorted(found, key=lambda c: (-c.papers, -c.citations, c.source))


def _by_source(sources: pl.Series) -> dict[str, int]:
    counts = sources.drop_nulls().value_counts()
    return dict(zip(counts.to_series(0), counts.to_series(1), strict=True))


def licences_page(sources: Sequence[Contribution]) -> str:
    """LICENCES.md: who contributed what, on which terms."""
    rows = [
        [
            f"**{plain(c.licence.name)}**",
            f"{c.records:,}",
            f"{c.papers:,}",
            f"{c.citations:,}",
            f"[{c.licence.terms}]({c.licence.url})" if c.licence.url else c.licence.terms,
        ]
        for c in sources
    ]
    return "\n".join(
        [
            "# Licences",
            "",
            "This release is made of what the sources below say. Each keeps its own terms; those "
            "of the strictest hold for what was made of several. `papers.sources` and the column "
            "`source` of other tables name the sources of every row.",
            "",
            *table_lines(["source", "records", "papers", "citations", "terms"], rows),
            "",
            *(f"- **{plain(c.licence.name)}.** {plain(c.licence.notice)}" for c in sources),
            "",
            "What csimpact computed itself (vectors, pools, scores, labels) adds no terms of its "
            "own, and takes none away from the texts and counts it was computed from.",
            "",
        ]
    )

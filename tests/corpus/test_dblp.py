"""The dump is 4 GB of somebody's XML: what it says must come through whole, and nothing else."""

import contextlib
import io
import itertools
import random
import socket
import subprocess
import sys
import threading
import time
import tracemalloc
from datetime import date
from html.entities import name2codepoint
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.corpus.dblp import IMPORTER, LONGEST, describe_unknown
from pipeline.corpus.incoming import Recognised, Scope
from pipeline.errors import UnreadableFileError
from tests.importers import PLACES, Trickle, head_of, nasty_text, read, spoiled, spoiled_bytes

DECLARED = '<?xml version="1.0" encoding="ISO-8859-1"?>\n'
NAMED_DTD = '<!DOCTYPE dblp SYSTEM "dblp.dtd">\n'
PAPER = """<inproceedings mdate="2023-01-01" key="conf/nips/VaswaniSPUJGKP17" publtype="">
<author orcid="0000-0002-1825-0097">J&uuml;rgen M&uuml;ller 0001</author>
<author>Wei Wang 0042</author>
<title>O(<i>n</i><sup>2</sup>) Is All You <tt>Need</tt> &amp; &Eacute;t&eacute;.</title>
<pages>5998-6008</pages>
<year>2017</year>
<booktitle>NIPS</booktitle>
<ee type="oa">https://proceedings.neurips.cc/paper/2017/x.html</ee>
<ee>https://doi.org/10.48550/arXiv.1706.03762</ee>
<ee>https://doi.org/10.1000/182%28A%29</ee>
<crossref>conf/nips/2017</crossref>
<url>db/conf/nips/nips2017.html#VaswaniSPUJGKP17</url>
</inproceedings>
"""


def dump(*publications: str, doctype: str = NAMED_DTD, declared: str = DECLARED) -> bytes:
    return f"{declared}{doctype}<dblp>\n{''.join(publications)}</dblp>\n".encode("latin-1")


def paper(key: str = "conf/nips/X", tag: str = "inproceedings", **fields: str | None) -> str:
    """A publication of a registered venue; None leaves a field out."""
    fields = {"author": "Ada Lovelace", "title": "On Things.", "year": "2017", **fields}
    children = "".join(f"<{n}>{v}</{n}>" for n, v in fields.items() if v is not None)
    return f'<{tag} key="{key}">{children}</{tag}>\n'


def one(*publications: str) -> dict[str, object]:
    (row,) = read(IMPORTER, dump(*publications)).rows
    return row


def refusal(content: bytes) -> str:
    with pytest.raises(UnreadableFileError) as caught:
        read(IMPORTER, content, Recognised("dblp", "dblp_xml"))
    message = str(caught.value)
    assert "\n" not in message
    assert len(message) < 400
    return message


def test_a_whole_publication() -> None:
    """A column read from the wrong element would be wrong in every table downstream."""
    assert one(PAPER) == {
        "op": "row",
        "venue": "nips",
        "year": 2017,
        "source_id": "conf/nips/VaswaniSPUJGKP17",
        "dblp_key": "conf/nips/VaswaniSPUJGKP17",
        "title": "O(n2) Is All You Need & Été",
        "authors": ["Jürgen Müller", "Wei Wang"],
        "author_ids": ["0000-0002-1825-0097", "Wei Wang 0042"],
        "track": "main",
        "keywords": [],
        "doi": "10.1000/182(a)",
        "arxiv_id": "1706.03762",
        "url": "https://proceedings.neurips.cc/paper/2017/x.html",
        "citation_source": "dblp",
        "publication_date": date(2017, 7, 2),
        "date_precision": "year",
        "source_row": 0,
    }


def test_the_file_is_all_there_is_of_dblp() -> None:
    """Without the scope, papers that DBLP withdrew would stay for ever."""
    recognised = IMPORTER.recognise(head_of(dump(PAPER), "any name"))
    assert recognised == Recognised("dblp", "dblp_xml", Scope(whole_source=True))


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("What Is This?", "What Is This?"),
        ("And so on...", "And so on..."),
        ("Plain", "Plain"),
        ("A <sub>b<i>c</i></sub>d e.", "A bcd e"),
        ("C&#35; &lt; Java.", "C# < Java"),
    ],
)
def test_titles_lose_their_final_period_and_nothing_else(title: str, expected: str) -> None:
    """Text of children or after them is easily lost, and a kept period hinders matching."""
    assert one(paper(title=title))["title"] == expected


def test_two_of_one_name_on_one_paper_both_stay() -> None:
    """Dropping repeats after the numbers are gone would lose an author."""
    author = "Wei Wang 0001</author><author>Wei Wang 0002</author><author>Wei Wang 0001"
    row = one(paper(author=author))
    assert row["authors"] == ["Wei Wang", "Wei Wang"]
    assert row["author_ids"] == ["Wei Wang 0001", "Wei Wang 0002"]


@pytest.mark.parametrize(
    ("crossref", "year", "edition"),
    [
        ("conf/ecir/2005", "2006", 2005),  # printed the year after
        ("conf/ecir/2021-2", "2021", 2021),
        ("conf/ecir/ecir2004", "2004", 2004),
        ("conf/ecir/98", "1998", 1998),  # two digits tell less than <year>
        ("conf/ecir/2001", "2009", 2009),  # no neighbour: a slip
        (None, "2009", 2009),
    ],
)
def test_the_edition_is_named_by_its_proceedings(
    crossref: str | None, year: str, edition: int
) -> None:
    """Post-proceedings would file a conference under the year after it."""
    row = one(paper("conf/ecir/X", year=year, crossref=crossref))
    assert row["year"] == edition
    assert row["publication_date"] == date(int(year), 7, 2)


@pytest.mark.parametrize(
    ("container", "track"),
    [
        ("EMNLP (1)", "main"), ("EMNLP (Findings)", "Findings"), ("CVPR Workshops", "workshop"),
        ("ACL (Student Research Workshop)", "workshop"), ("WWW (Companion)", "Companion"),
        ("CHI Extended Abstracts", "Extended Abstracts"), ("AAAI/IAAI", "main"),
    ],
)  # fmt: skip
def test_parts_of_proceedings_are_tracks(container: str, track: str) -> None:
    """Workshops lie under the key of their conference, and would count as its papers."""
    assert one(paper(booktitle=container))["track"] == track


def test_what_is_no_paper_is_said_to_be_none() -> None:
    """A preface or a withdrawn paper in the pools would be compared with papers."""
    result = read(
        IMPORTER,
        dump(
            paper("conf/nips/2017", tag="proceedings", author=None, editor="An Editor"),
            paper(title="Preface."),
            paper(title="Past Conferences.", author=None),
            '<inproceedings key="conf/nips/W" publtype="informal withdrawn"><author>A</author>'
            "<title>Gone.</title><year>2017</year></inproceedings>",
            paper(),
        ),
    )
    assert result.records["excluded_because"].to_list() == [
        "front_matter", "front_matter", "front_matter", "withdrawn", None,
    ]  # fmt: skip
    assert result.records["authors"].list.len().to_list() == [0, 1, 0, 1, 1]


def test_other_kinds_and_venues_are_outside_but_counted() -> None:
    """Rows that vanish without a number cannot be told from rows that were lost."""
    result = read(
        IMPORTER,
        dump(
            '<www key="homepages/w/X"><author>Wei Wang 0001</author><title>Home Page</title></www>',
            paper("journals/corr/abs-1706-03762", tag="article"),
            paper("phd/X", tag="phdthesis"),
            '<unheardof key="conf/nips/2"><inproceedings key="conf/nips/3"/></unheardof>',
            paper("conf/nips/X"),
            paper("journals/jmlr/X", tag="article", journal="J. Mach. Learn. Res."),
            "<!-- a comment --><?target x?>",
        ),
    )
    assert result.records["venue"].to_list() == ["nips", "jmlr"]
    assert result.n_outside == 4
    assert result.n_rows == 6


@pytest.mark.parametrize(
    ("publication", "reason"),
    [
        (paper(""), "expected a key such as conf/nips/VaswaniSPUJGKP17, received none"),
        (paper(title=None), "expected a title, received none"),
        (paper(year=None), "year: expected one such as 2010, received ''"),
        (paper(year="MMXVII"), "year: expected one such as 2010, received 'MMXVII'"),
        (paper(year="1492"), "year: expected 1987..2027 for nips, received 1492"),
    ],
)
def test_unusable_publications_say_why(publication: str, reason: str) -> None:
    """A reason like KeyError sends people into the code."""
    assert read(IMPORTER, dump(publication)).reasons == [reason]


def test_every_entity_of_the_dtd_is_one_character() -> None:
    """The DTD is not there: without its names the file cannot be read at all."""
    names = [n for n in name2codepoint if n not in ("lt", "gt", "amp", "quot")]
    row = one(paper(author="".join(f"&{n};" for n in ("eacute", "Scaron", "szlig", "yuml"))))
    assert row["authors"] == ["éŠßÿ"]
    title = one(paper(title="x" + "".join(f"&{n};" for n in names if n not in ("nbsp", "shy"))))
    assert len(str(title["title"])) > 200


def test_the_encoding_is_the_declared_one() -> None:
    """Latin-1 read as UTF-8 fails, UTF-8 read as Latin-1 gives MÃ¼ller."""
    latin = dump(paper(author="Müller"))
    utf8 = dump(paper(author="Müller"), declared="").decode("latin-1").encode()
    assert read(IMPORTER, latin).records["authors"].to_list() == [["Müller"]]
    assert read(IMPORTER, b"\xef\xbb\xbf" + utf8).records["authors"].to_list() == [["Müller"]]
    assert "utf-7" in refusal(latin.replace(b"ISO-8859-1", b"UTF-7"))


def test_chunks_may_end_anywhere() -> None:
    """An element cut by the end of a read would lose its other half."""
    content = dump(*(PAPER.replace("17", f"{i}", 1) for i in range(40)))
    expected = read(IMPORTER, content)
    assert expected.records.height == 40
    known = IMPORTER.recognise(head_of(content))
    for seed in range(5):
        rng = random.Random(seed)
        sizes = (rng.randint(1, 700) for _ in itertools.count())
        trickled = read(IMPORTER, Trickle(content, sizes), known)  # type: ignore[arg-type]
        assert trickled.records.equals(expected.records)


@pytest.mark.parametrize("cut", [0.3, 0.9, 0.999])
def test_a_truncated_file_is_refused(cut: float) -> None:
    """Half a dump taken for a whole one would delete the other half."""
    content = dump(*(paper(f"conf/nips/{i}") for i in range(50)))
    assert "expected well-formed XML to the end" in refusal(content[: int(len(content) * cut)])


HTML = b"""
<!-- checking --><!DOCTYPE html><html lang="en"><head><title>dblp: Making sure you're not a bot!
</title></head><body>dblp.xml <dblp></body></html>"""


def test_a_page_in_disguise_is_recognised_as_what_it_is() -> None:
    """The bot check answers 200 with HTML; as an empty DBLP it would delete everything."""
    head = head_of(HTML, "dblp.xml.gz")
    assert IMPORTER.recognise(head) is None
    assert describe_unknown(head).startswith("an HTML page, as DBLP's download answers to robots: ")
    assert "\n" not in describe_unknown(head)
    assert describe_unknown(head_of(dump(PAPER))) == ""
    assert "expected <dblp>" in refusal(HTML)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}",
        b"<dblpperson/>",
        b"<?xml version='1.0'?><rss/>",
        b"\x1f\x8b\x08",
        b"<!DOCTYPE x>",
    ],
)
def test_other_files_are_left_to_other_importers(content: bytes) -> None:
    """An importer that claims too much hides the one that could read the file."""
    assert IMPORTER.recognise(head_of(content, "dblp.xml")) is None


LAUGHS = "".join(f'<!ENTITY l{i} "{f"&l{i - 1};" * 10}">' for i in range(1, 30))
BOMBS = {
    "nested": f'<!DOCTYPE dblp [<!ENTITY l0 "ha">{LAUGHS}]>',
    "wide": f'<!DOCTYPE dblp [<!ENTITY l29 "{"x" * 50_000}">]>',
    "external": '<!DOCTYPE dblp [<!ENTITY l29 SYSTEM "file:///etc/passwd">]>',
    "parameter": '<!DOCTYPE dblp [<!ENTITY % p SYSTEM "file:///etc/passwd"> %p;]>',
    "beside the DTD": '<!DOCTYPE dblp SYSTEM "dblp.dtd" [<!ENTITY l29 "x">]>',
    "behind comments": '<!-- <dblp> --><?x ?><!DOCTYPE dblp\n[<!ENTITY l29 "x">]>',
    "no declaration": "",
    "twice": NAMED_DTD + '<!DOCTYPE dblp [<!ENTITY l29 "x">]>',
    "after the root": NAMED_DTD + '<dblp><!DOCTYPE dblp [<!ENTITY l29 "x">]>',
}


@pytest.mark.parametrize("doctype", BOMBS.values(), ids=BOMBS.keys())
def test_a_file_with_entities_of_its_own_is_refused_at_once(doctype: str) -> None:
    """Ten entities of ten each fill any memory; an external one reads any file."""
    content = dump(paper(title="&l29;" * 1_000), doctype=doctype)
    assert IMPORTER.recognise(head_of(content)) or not doctype.startswith("<!DOCTYPE dblp")
    tracemalloc.start()
    started = time.perf_counter()
    message = refusal(content)
    assert time.perf_counter() - started < 1
    assert tracemalloc.get_traced_memory()[1] < 5 << 20
    tracemalloc.stop()
    assert "root:" not in message
    assert "declarations of its own" in message or "l29" in message or "<dblp>" in message \
        or "well-formed" in message  # fmt: skip


def test_the_dtd_is_never_fetched(tmp_path: Path) -> None:
    """A dump that makes its reader call an address tells strangers who reads it."""
    dtd = tmp_path / "dblp.dtd"
    dtd.write_text('<!ENTITY secret "from a file">')
    with socket.create_server(("127.0.0.1", 0)) as server:
        called: list[object] = []
        threading.Thread(target=lambda: _accept(server, called), daemon=True).start()
        for address in (dtd.as_uri(), f"http://127.0.0.1:{server.getsockname()[1]}/dblp.dtd"):
            content = dump(paper(title="&secret;"), doctype=f'<!DOCTYPE dblp SYSTEM "{address}">')
            assert "secret" in refusal(content)
    assert called == []


def _accept(server: socket.socket, called: list[object]) -> None:
    with contextlib.suppress(OSError):
        called.append(server.accept()[1])


def test_crafted_prologs_do_not_set_the_expression_backtracking() -> None:
    """An expression that tries every way to split comments takes for ever."""
    started = time.perf_counter()
    for noise in ("<!-- -->" * 8_000, " " * 65_000, "<?x ?>" * 9_000, "<!--" * 16_000):
        content = (DECLARED + noise + "<nothing").encode()
        assert IMPORTER.recognise(head_of(content)) is None
        assert describe_unknown(head_of(content)) == ""
    assert time.perf_counter() - started < 1


class _Endless(io.RawIOBase):
    """`opening`, then `filling` without end."""

    def __init__(self, opening: bytes, filling: bytes) -> None:
        self.rest, self.filling, self.given = opening, filling, 0

    def read(self, size: int = -1) -> bytes:
        while len(self.rest) < size:
            self.rest += self.filling
        out, self.rest = self.rest[:size], self.rest[size:]
        self.given += len(out)
        return out


@pytest.mark.parametrize(
    "filling",
    [b"<author>x</author>" * 5_000, b"x" * 90_000, b"<a>" * 30_000, b"<!-- x -->" * 9_000],
)
def test_a_publication_without_end_is_refused(filling: bytes) -> None:
    """Nothing is freed while an element is open: it would fill the memory."""
    file = _Endless(dump().removesuffix(b"</dblp>\n") + b'<article key="x">', filling)
    with pytest.raises(UnreadableFileError, match="download it again"):
        list(IMPORTER.read(file, Recognised("dblp", "dblp_xml"), PLACES))  # type: ignore[arg-type]
    assert file.given < LONGEST + (1 << 20)


def _mutated(rng: random.Random) -> str:
    tag = rng.choice(("inproceedings", "article", "proceedings", "www", "book", "x"))
    key = rng.choice(
        ("conf/nips/X", "conf/nips/X", "journals/jmlr/Y", "conf/none/Z", nasty_text(rng))
    )
    row = {
        "author": "Wei Wang 0001", "title": "On Things.", "year": "2017", "booktitle": "NIPS (1)",
        "ee": "https://doi.org/10.1/x", "crossref": "conf/nips/2017", "journal": "JMLR",
    }  # fmt: skip
    fields = list(spoiled(row, rng, nasty_text).items())
    rng.shuffle(fields)
    fields += rng.sample(fields, min(len(fields), rng.randint(0, 2)))
    inner = "".join(f"<{n}>{_xml(v)}{rng.choice(('', '<i>&uuml;</i>'))}</{n}>" for n, v in fields)
    kind = quoteattr(_xml(nasty_text(rng)))
    return f"<{tag} key={quoteattr(_xml(key))} publtype={kind}>{inner}</{tag}>"


def _xml(text: str) -> str:
    allowed = "".join(c for c in text if c in "\t\n" or " " <= c < "\x7f")
    return escape(allowed)


@settings(max_examples=50)
@given(st.integers(0, 2**32))
def test_every_mutated_publication_is_accounted_for(seed: int) -> None:
    """50 × 400 publications: one that raises would end the import of four million."""
    rng = random.Random(seed)
    publications = [_mutated(rng) for _ in range(400)]
    assert read(IMPORTER, dump(*publications)).n_rows == 400


@settings(max_examples=300)
@given(st.integers(0, 2**32))
def test_damaged_files_are_refused_or_read(seed: int) -> None:
    """Any other exception would be a traceback in the log of a nightly run."""
    damaged = spoiled_bytes(dump(PAPER, paper(), PAPER), random.Random(seed))
    try:
        n_rows = read(IMPORTER, damaged, Recognised("dblp", "dblp_xml")).n_rows
    except UnreadableFileError:
        return
    assert n_rows <= 4


@pytest.mark.slow
def test_memory_does_not_grow_with_the_file() -> None:
    """A node kept per publication is 4 GB at the end."""
    script = """
import re
from pathlib import Path
from tests.corpus.test_dblp import IMPORTER, PAPER, PLACES, Recognised, _Endless, dump
class Long(_Endless):
    def read(self, size=-1):
        if self.given > 400 << 20:
            # Not ru_maxrss, which begins at that of the process which started this one.
            peak = re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())
            raise SystemExit(int(peak[1]) > 500 << 10)
        return super().read(size)
filling = (PAPER.replace("nips", "other") * 99 + PAPER).encode()
file = Long(dump().removesuffix(b"</dblp>\\n"), filling)
for batch in IMPORTER.read(file, Recognised("dblp", "dblp_xml"), PLACES):
    pass
"""
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0

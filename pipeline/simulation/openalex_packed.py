"""A work as compressed JSON from which any selection of its fields is cut without parsing.

Belongs here: this one representation. Not: which works there are (openalex_shelf.py).

A hundred thousand works are near a gigabyte of JSON, and a page of a hundred has to be cut from
it in a few milliseconds.
"""

import zlib
from array import array
from collections.abc import Mapping
from functools import lru_cache
from itertools import accumulate
from typing import Any, NamedTuple

import orjson


class PackedWork(NamedTuple):
    """Field names, where in the text each field ends, and the compressed text without braces."""

    names: tuple[str, ...]
    ends: "array[int]"
    text: bytes

    def json(self, select: frozenset[str] | None = None) -> bytes:
        """The fields selected, in their old order; all of them if nothing is selected."""
        text = zlib.decompress(self.text)
        if select is None:
            return b"{%s}" % text
        starts = (0, *(end + 1 for end in self.ends))
        fields = zip(self.names, starts, self.ends, strict=False)  # one start is left over
        return b"{%s}" % b",".join([text[a:b] for name, a, b in fields if name in select])


def pack(work: Mapping[str, Any]) -> PackedWork:
    """The work, compressed to about a quarter."""
    fields = [orjson.dumps({name: value})[1:-1] for name, value in work.items()]
    ends = array("I", (end - 1 for end in accumulate(len(field) + 1 for field in fields)))
    return PackedWork(_shared(tuple(work)), ends, zlib.compress(b",".join(fields), 1))


@lru_cache(maxsize=8)
def _shared(names: tuple[str, ...]) -> tuple[str, ...]:
    """The same names as one object, since all works have them."""
    return names

"""Rules as text: of a large mesh only those are decoded that may concern a service.

Each service of a mesh has its VirtualService and DestinationRule, of which those of other services
say nothing of this one: decoding, trimming and parsing all of them is half of what a command for
one service does. So the lists of both kinds are taken apart into their objects and no further, and
an object is decoded where its text has one of the names that are asked for.

An object is left out only where it is certain that it does not name one. What may say something of
any host (a wildcard, a rule for some callers or namespaces) is decoded always, and so is text in
which a name may be spelt another way: with an escape, or in letters beyond ASCII.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

from meshtui.kube.resources import DESTINATION_RULES, VIRTUAL_SERVICES
from meshtui.kube.trim import trim
from meshtui.mesh.json_text import Piece, decode
from meshtui.mesh.model import Json

KINDS = (VIRTUAL_SERVICES, DESTINATION_RULES)

_OF_ANY_HOST = (
    b"*",
    b"\\u",
    b"exportto",
    b"sourcelabels",
    b"sourcenamespace",
    b"workloadselector",
)
"""In lower case: what makes a rule count for hosts, or for callers, that it does not name."""


class RuleTexts:
    """The objects of `KINDS` in a mesh, most of them undecoded. Names count in any case."""

    def __init__(self, items: Mapping[str, Iterable[Any]]) -> None:
        """`items` by plural name: each a `Piece`, or what was decoded already.

        Raises ValueError or RecursionError, here and in `naming`, for what is not JSON.
        """
        self._kinds = tuple(
            (kind.key, _Kind(items.get(kind.key, ()), partial(trim, kind))) for kind in KINDS
        )
        self._names: set[str] = set()

    def naming(self, names: Iterable[str]) -> Mapping[str, tuple[Json, ...]]:
        """By plural name: what may name one of these or of those that were asked for before."""
        fresh = {name.lower() for name in names} - self._names
        self._names |= fresh
        if fresh:
            for _, kind in self._kinds:
                kind.decode(fresh)
        return {plural: tuple(kind.decoded) for plural, kind in self._kinds}


class _Kind:
    def __init__(self, items: Iterable[Any], retained: Callable[[Json], Json]) -> None:
        self.decoded: list[Json] = []
        self._retained = retained
        self._left: list[bytes] = []
        for item in items:
            if not isinstance(item, Piece):
                self._add(item)
                continue
            text = bytes(item)
            lower = text.lower()
            if not text.isascii() or any(mark in lower for mark in _OF_ANY_HOST):
                self._add(decode(text))
            else:
                self._left.append(text)

    def decode(self, names: Iterable[str]) -> None:
        wanted = [name.encode() for name in names]
        # Most texts have none of the names, and it is quicker to find that out one by one.
        whole = re.compile(rb"(?<![a-z0-9])(?:%s)(?![a-z0-9])" % b"|".join(map(re.escape, wanted)))
        left = []
        for text in self._left:
            lower = text.lower()
            if any(name in lower for name in wanted) and whole.search(lower):
                self._add(decode(text))
            else:
                left.append(text)
        self._left = left

    def _add(self, item: Any) -> None:
        if isinstance(item, Mapping):
            self.decoded.append(self._retained(item))

"""What was parsed before: a watch event changes one object of thousands, and only that is parsed.

An object is known by its identity: whoever reads them gives a changed one as another object, as
watches do. What has not changed is the same afterwards, down to the tuple of a whole kind, so that
whatever was made of it can be told to hold.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from itertools import pairwise
from operator import is_
from types import MappingProxyType
from typing import Any, NamedTuple, TypeVar

from meshtui.dataclass import dataclass
from meshtui.mesh import read
from meshtui.mesh.istio import Json
from meshtui.mesh.settings import MeshSettings

T = TypeVar("T")
Place = tuple[str, str]
"""Namespace and name."""


@dataclass(frozen=True, slots=True)
class Parsed:
    """An object parsed; its dictionary need not be retained.

    `value` is None where `trouble` says why it was left out. `domain` is that of the cluster, of a
    pod that tells it.
    """

    place: Place
    value: Any = None
    trouble: str = ""
    domain: str = ""


class _Entry(NamedTuple):
    """What was given, and what it was parsed into."""

    raw: Json | Parsed
    parsed: Parsed


class _Kind(NamedTuple):
    raws: tuple[Json | Parsed, ...] = ()
    entries: Mapping[int, _Entry] = MappingProxyType({})
    made: tuple[Any, ...] = ()
    trouble: tuple[str, ...] = ()


class ParsedObjects:
    """The objects of one snapshot by kind; give it to `parse_mesh` for the next."""

    def __init__(self) -> None:
        self._kinds: dict[str, _Kind] = {}
        self._settings: MeshSettings | None = None

    def under(self, settings: MeshSettings) -> MeshSettings:
        """The settings that hold from now on: names are completed with their domain."""
        before = self._settings
        if before is not None and before == settings:
            return before
        if before is None or before.domain != settings.domain:
            self._kinds.clear()
        self._settings = settings
        return settings

    def each(
        self,
        plural: str,
        raws: Iterable[Json | Parsed],
        parse: Callable[[Json], T],
        trouble: list[str],
    ) -> tuple[T, ...]:
        """The objects of a kind, by namespace and name; what can't be understood is `trouble`."""
        known, given = self._kinds.get(plural, _Kind()), tuple(raws)
        if not _same(given, known.raws):
            known = self._kinds[plural] = _parsed(plural, given, parse, known)
        trouble += known.trouble
        return known.made


def parse_early(plural: str, parse: Callable[[Json], Any], raw: Json) -> Parsed:
    """An object parsed, or why it was left out."""
    place = place_of(raw)
    if not place[1]:
        return Parsed(place, trouble=f"{plural}: an object without a name was left out")
    try:
        return Parsed(place, parse(raw))
    except (TypeError, ValueError, AttributeError, KeyError) as error:
        namespace, name = place
        return Parsed(place, trouble=f"{plural} {namespace}/{name} could not be read: {error}")


def place_of(raw: Any) -> Place:
    meta = read.obj(raw, "metadata")
    return read.text(meta, "namespace"), read.text(meta, "name")


def _same(one: tuple[Any, ...], other: tuple[Any, ...]) -> bool:
    return one is other or (len(one) == len(other) and all(map(is_, one, other)))


def _parsed(
    plural: str, raws: tuple[Json | Parsed, ...], parse: Callable[[Json], Any], before: _Kind
) -> _Kind:
    known = before.entries
    found = [known.get(id(raw)) or _entry(plural, raw, parse) for raw in raws]
    if any(later.parsed.place < one.parsed.place for one, later in pairwise(found)):
        found.sort(key=lambda entry: entry.parsed.place)
    made = tuple(entry.parsed.value for entry in found if not entry.parsed.trouble)
    trouble = tuple(entry.parsed.trouble for entry in found if entry.parsed.trouble)
    entries = {id(entry.raw): entry for entry in found}
    return _Kind(raws, entries, before.made if _same(made, before.made) else made, trouble)


def _entry(plural: str, raw: Json | Parsed, parse: Callable[[Json], Any]) -> _Entry:
    return _Entry(raw, raw if isinstance(raw, Parsed) else parse_early(plural, parse, raw))

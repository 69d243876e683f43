"""Matches whose path an earlier match's prefix covers, as istiod's webhook warns of them.

From istiod (pkg/config/validation/validation.go, genMatchHTTPRoutes and coveredValidation), its
oddities included: no method is GET, and texts are compared by their beginnings.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Match = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Prefixed:
    """A match by a path's prefix, with the rule's and its own name in the webhook's words."""

    rule: str
    name: str
    match: Match

    @property
    def prefix(self) -> str:
        return str((self.match.get("uri") or {}).get("prefix") or "")

    def covers(self, other: Prefixed) -> bool:
        if not other.prefix.startswith(self.prefix):
            return False
        if (self.match.get("port") or 0) != (other.match.get("port") or 0):
            return False
        method, others = _text(self.match.get("method")), _text(other.match.get("method"))
        if not (method or "exact:GET").startswith(others or "exact:GET"):
            return False
        authority = _text(self.match.get("authority"))
        if not authority.startswith(_text(other.match.get("authority"))):
            return False
        parts = ("headers", "queryParams", "withoutHeaders")
        return all(_alike(self.match.get(part), other.match.get(part)) for part in parts)


def _text(value: Match | None) -> str:
    for kind in ("exact", "prefix"):
        if (value or {}).get(kind):
            return f"{kind}:{(value or {})[kind]}"
    return ""


def _alike(mine: Match | None, other: Match | None) -> bool:
    mine, other = mine or {}, other or {}
    return len(mine) == len(other) and all(
        key in other and _text(value).startswith(_text(other[key])) for key, value in mine.items()
    )


def overlapping(matches: Iterable[Prefixed]) -> Iterator[str]:
    """A warning for each match behind one that covers it."""
    known = [match for match in matches if match.prefix]
    for place, first in enumerate(known):
        for later in known[place + 1 :]:
            if later.prefix != first.prefix and first.covers(later):
                yield (
                    f"virtualService rule {later.rule} match {later.name} of prefix {later.prefix} "
                    f"is not used (duplicate/overlapping match in rule {first.name} of prefix "
                    f"{first.prefix} on {first.rule})"
                )

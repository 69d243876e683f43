"""Which changes a change of several clusters is, and what of it is left to be taken back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from meshtui.changes.change import Together
from meshtui.errors import Refused, Usage

if TYPE_CHECKING:
    from meshtui.journal import Entry

Find = Callable[[Together], "Entry | None"]
"""What one cluster's journal has of the change. Raises `JournalError`."""


def parts_of(entry: Entry, journals: Mapping[str, Find]) -> dict[str, Entry]:
    """What stands of a change that was made in several clusters, by the cluster's name.

    Raises `Usage` where it was made in one that is not among `journals`: taken back without it,
    the clusters would differ; `Refused` where nothing of it stands.
    """
    together = entry.together
    if together is None:
        return {}
    found = {name: part for name, find in journals.items() if (part := find(together))}
    known = {part.context for part in found.values()}
    missing = [name for name in together.clusters if name not in known]
    if missing:
        what = f"change {entry.id} was made in {', '.join(missing)} too, of which nothing is known"
        raise Usage(what, f"name all, as in --context {','.join(together.clusters)}, or one alone")
    standing = {name: part for name, part in found.items() if part.stands}
    if not standing:
        raise Refused(f"nothing of change {entry.id} stands in {', '.join(found)}")
    return standing


def newest(found: Mapping[str, Entry]) -> Entry:
    """The change that is meant where none is named: of at least one, the last that was made."""
    return max(found.values(), key=lambda entry: entry.created)

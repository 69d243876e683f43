"""The stable version of a rule: the config, the journal and the telemetry brought together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from meshtui.changes.assemble import spec_of
from meshtui.changes.blast import label
from meshtui.changes.change import Caution, Change
from meshtui.changes.harm import gains
from meshtui.changes.health import VersionHealth, health_of
from meshtui.changes.locate import Located, resolve_version
from meshtui.changes.not_reached import VERB
from meshtui.changes.stable import Stable, Step, choose_stable, named_stable, rolled_back_from
from meshtui.changes.undo import place_of
from meshtui.errors import JournalError, NotFound, Refused
from meshtui.mesh.model import Json, Mesh, Ref
from meshtui.mesh.signals import Sample
from meshtui.mesh.text import clean
from meshtui.mesh.thresholds import Thresholds

if TYPE_CHECKING:
    from meshtui.journal import Entry, Journal, Unread

Found = tuple[Caution, ...]


class Chooser:
    """Chooses what a rollback goes to. A journal that can't be read stops no rollback."""

    def __init__(
        self, journal: Journal | None, configured: Mapping[str, str], limits: Thresholds
    ) -> None:
        self._journal = journal
        self._configured = configured
        self._limits = limits

    def choose(self, located: Located, named: str, sample: Sample | None) -> tuple[Stable, Found]:
        """The version, and what was in the way of finding it. `named`: by the operator.

        Raises `Refused` where the rule has no traffic, `NotFound` where nothing is called so.
        """
        versions = health_of(located.mesh, located.service, located.rule, sample, self._limits)
        if named:
            return named_stable(_version(located, versions, named)), ()
        configured, lost = self._of_config(located, versions)
        history, trouble = ([], ()) if configured else self._history(located)
        found = choose_stable(versions, history, configured)
        if found is None:
            raise Refused(
                f"rule {located.rule.title} of {located.service.key} has no traffic to bring back"
            )
        return found, (*lost, *trouble)

    def _of_config(
        self, located: Located, versions: tuple[VersionHealth, ...]
    ) -> tuple[VersionHealth | None, Found]:
        """A name in the config that means nothing here is said, and stops nothing."""
        key = located.service.key
        name = self._configured.get(str(key)) or self._configured.get(key.name)
        if not name:
            return None, ()
        try:
            return _version(located, versions, name), ()
        except (NotFound, Refused) as error:
            return None, (Caution("warning", f"the config names {name} as stable: {error}"),)

    def _history(self, located: Located) -> tuple[list[Step], Found]:
        """The rule's changes that stand, newest first."""
        from meshtui.journal import count_unread

        if self._journal is None:
            return [], (Caution("warning", "earlier changes are not known: there is no journal"),)
        try:
            rows = self._journal.listing(service=located.service.key)
        except JournalError as error:
            return [], (Caution("warning", f"earlier changes are not known: {error}"),)
        unread = count_unread(rows)
        summary = f"the journal of {located.service.key} has {unread}: what it did is not counted"
        trouble = (Caution("warning", summary),) if unread else ()
        vs, rule = located.owner, located.rule
        now = spec_of(vs.raw)
        return _steps(rows, vs.ref, now, rule.place, rule.index), trouble


def stable_findings(label: str, stable: Stable) -> Found:
    """The reason, what speaks against the choice, and what is not known; a reason that speaks
    against it is said once."""
    said = any(f"because it {stable.why}" in text for text in stable.dangers)
    because = () if said else (Caution("info", f"{label} is taken for stable: it {stable.why}"),)
    return (
        *(Caution("danger", text) for text in stable.dangers),
        *because,
        *(Caution("warning", text) for text in stable.doubts),
    )


def not_reached(words: tuple[str, ...]) -> Found:
    """What the rollback leaves as it is, a line for each rule."""
    return tuple(Caution("warning", f"not reached by this rollback: {text}") for text in words)


def _version(located: Located, versions: tuple[VersionHealth, ...], name: str) -> VersionHealth:
    place = resolve_version(located, name)
    found = next((v for v in versions if v.place == (place.host, place.subset)), None)
    return found or VersionHealth(place.host, place.subset, name, pods=None, ready=None)


def rolled_back(journal: Journal | None, mesh: Mesh, change: Change) -> Found:
    """Said of versions that get more traffic although the last that was done was to leave them;
    also where just that is taken back.

    A journal that can't be read stops no change.
    """
    gained = gains(mesh, change) if change.verb != VERB else {}
    if journal is None or not gained or change.rule is None:
        return ()
    try:
        rows = journal.listing(service=change.service)
    except JournalError:
        return ()
    rule = change.rule
    steps = _steps(rows, change.target, change.spec_before, rule.protocol, rule.index)
    left = ((place, rolled_back_from(place, steps)) for place in gained)
    return tuple(Caution("warning", _left(place, step)) for place, step in left if step)


def _left(place: tuple[str, str], step: Step) -> str:
    when = datetime.fromtimestamp(step.made).strftime("%Y-%m-%d %H:%M:%S")
    who = clean(step.who, 60) or "somebody"
    change = f" (change {step.change_id})" if step.change_id else ""
    return f"{who} rolled {label(place)} back at {when}{change}: is it mended?"


def _steps(
    rows: Iterable[Entry | Unread], target: Ref, now: Json, place: str, index: int
) -> list[Step]:
    """The changes among `rows` that stand and are about this rule, in their order."""
    from meshtui.journal import Entry

    known = (row for row in rows if isinstance(row, Entry) and _stands(row))
    return [_step(entry) for entry in known if _is_about(entry, target, now, place, index)]


def _step(entry: Entry) -> Step:
    return Step(
        entry.before,
        entry.after,
        entry.id,
        rollback=entry.verb == VERB,
        promote=entry.verb == "promote",
        who=entry.who,
        made=entry.created,
    )


def _stands(entry: Entry) -> bool:
    return entry.took_effect and not entry.undone_by and not entry.undoes


def _is_about(entry: Entry, target: Ref, now: Json, place: str, index: int) -> bool:
    """True where the entry is about this rule, wherever in the list it stood then."""
    if entry.target.uid != target.uid or entry.rule is None:
        return False
    same_list = entry.rule.protocol == place
    return same_list and place_of(entry.rule, entry.spec_after, now) == index

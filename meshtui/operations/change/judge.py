"""Whether a change is in the cluster, by its object: the answer to a write may lie or be lost."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from meshtui.changes.assemble import spec_of
from meshtui.changes.change import Change, RuleRef
from meshtui.changes.locate import whole_rule
from meshtui.changes.patch import exists, pointer, tokens, value_at
from meshtui.changes.undo import identity, place_of
from meshtui.journal import Entry, Status
from meshtui.mesh import read
from meshtui.mesh.model import Json
from meshtui.mesh.parse_rules import PROTOCOLS
from meshtui.operations.change.writers import OURS, managers

Meant = Entry | Change
"""What was meant to be written; both say the object, the places, and the spec before and after."""

Verdict = tuple[Status, str]
"""WRITTEN, FAILED or UNKNOWN, and in words why."""

UNTOUCHED: Verdict = (Status.FAILED, "it was not written")
"""The object is as it was planned on: a write that is still on its way can come."""


def judge_absence(meant: Meant) -> Verdict:
    """No such object: that is what a removal was for, and how it was before a creation."""
    action = _whole(meant)
    if not action:
        return Status.UNKNOWN, "its object is gone"
    if action == "add":
        return UNTOUCHED
    return Status.WRITTEN, "it was written"


def _whole(meant: Meant) -> str:
    """ "add" or "remove" where the change makes or takes away its whole object."""
    whole = meant.patch and meant.patch[0]["path"] == ""
    return str(meant.patch[0]["op"]) if whole else ""


def judge(meant: Meant, raw: Json) -> tuple[Status, str]:
    """Whether the change was written, from the object as it is now.

    What the server or a webhook added to what was written does not count.
    """
    meta, spec = read.obj(raw, "metadata"), spec_of(raw)
    if not meant.target.uid:
        made = _made(raw, spec, meant.spec_after)
        evidence = "it was written" if made else "an object of that name is there, and another one"
        return (Status.WRITTEN if made else Status.UNKNOWN), evidence
    if read.text(meta, "uid") != meant.target.uid:
        return Status.UNKNOWN, "its object was made anew since"
    if read.text(meta, "resourceVersion") == meant.resource_version:
        return UNTOUCHED
    if spec == meant.spec_after:
        return Status.WRITTEN, "it was written"
    if spec == meant.spec_before:
        return Status.FAILED, "it was not written, or was taken back since"
    if _whole(meant):
        return Status.FAILED, "it was not written; something else changed since"
    return _judge_by_places(meant, spec)


def _made(raw: Json, spec: Json, meant: Json) -> bool:
    """Whether the object is the one that was to be made; its managers tell, where known."""
    writers = managers(raw)
    if not writers:
        return spec == meant
    return OURS in writers and covers(spec, meant)


def _judge_by_places(meant: Meant, spec: Json) -> tuple[Status, str]:
    """Somebody else wrote too: the places that the patch means tell, or nobody can."""
    if any(map(whole_rule, meant.patch)):
        unwritten, written = (
            _has_rules(meant, spec, known) for known in (meant.spec_before, meant.spec_after)
        )
    else:
        unwritten = _has_places(meant, spec, meant.spec_before, same)
        written = _has_places(meant, spec, meant.spec_after, covers)
    if unwritten and not written:
        return Status.FAILED, "it was not written; something else changed since"
    if written and not unwritten:
        return Status.WRITTEN, "it was written, and something else changed since"
    return Status.UNKNOWN, "the object changed since: look at it (`meshtui services`)"


def _has_rules(meant: Meant, spec: Json, known: Json) -> bool:
    """True where the rules that are put in or taken away are there as often as in `known`."""
    for operation in (*meant.patch, *meant.inverse):
        rule = whole_rule(operation)
        if rule and operation["op"] == "add":
            mine = identity(operation["value"])
            now, then = ([identity(r) for r in read.items(s, rule[0])] for s in (spec, known))
            if now.count(mine) != then.count(mine):
                return False
    return True


def same(found: object, known: object) -> bool:
    return found == known


def covers(found: object, known: object) -> bool:
    """True where all of `known` is in `found`, which may have more: defaults, say."""
    if isinstance(known, Mapping):
        return isinstance(found, Mapping) and all(
            key in found and covers(found[key], value) for key, value in known.items()
        )
    if isinstance(known, list | tuple):
        return (
            isinstance(found, list | tuple)
            and len(found) == len(known)
            and all(map(covers, found, known))
        )
    return found == known


def _has_places(
    meant: Meant, spec: Json, known: Json, holds: Callable[[object, object], bool]
) -> bool:
    """True where each place that the patch or its inverse names holds what it holds in `known`.

    A rule that stands elsewhere by now is followed there.
    """
    for operation in (*meant.patch, *meant.inverse):
        path = operation["path"]
        followed = _followed(path, spec, known)
        if followed is None or not holds(_at(spec, followed), _at(known, path)):
            return False
    return True


def _followed(path: str, spec: Json, known: Json) -> str | None:
    """Where in `spec` the place is that `path` is in `known`; None where that is in doubt."""
    steps = tokens(path)
    if len(steps) < 4 or steps[1] not in PROTOCOLS or not steps[2].isdigit():
        return path
    index = int(steps[2])
    rules = read.items(known, steps[1])
    name = read.text(rules[index], "name") if index < len(rules) else ""
    place = place_of(RuleRef(name, index, steps[1]), known, spec)
    return None if place is None else pointer(*steps[:2], place, *steps[3:])


def _at(spec: Json, path: str) -> object:
    document = {"spec": spec}
    return value_at(document, path) if exists(document, path) else None

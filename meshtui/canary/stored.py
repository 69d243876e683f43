"""A run as text, so that another process can go on with it."""

from __future__ import annotations

import json
import types
from collections.abc import Iterable
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any, Union, get_args, get_origin, get_type_hints

from meshtui.canary.machine import State
from meshtui.canary.route import RouteFacts
from meshtui.dataclass import dataclass
from meshtui.errors import MeshtuiError

FORM = 1
"""Raised where what is kept changes its meaning: a run of another form is not gone on with."""


ADDED = frozenset({"kind"})
"""Fields that a run of an older version lacks; they have defaults that are true of it."""


@dataclass(frozen=True, slots=True)
class StoredRun:
    """All that a process needs to go on with a run: where it is, and the objects as it left them.

    `began` is when it began, in seconds since the epoch; `label` is what the rule calls the
    canary, and `before` what it gave the other versions then, in percent.
    """

    state: State
    facts: RouteFacts | None = None
    began: float = 0.0
    label: str = ""
    before: tuple[tuple[str, float], ...] = ()


def to_text(run: StoredRun) -> str:
    """JSON; infinities stand as JavaScript's words, as Python writes and reads them."""
    return json.dumps({"form": FORM, "run": _plain(run)})


def from_text(text: str) -> StoredRun:
    """Raises `MeshtuiError` for what is no run, or is one that this version does not know."""
    try:
        document = json.loads(text)
        form = document["form"]
        if form == FORM:
            run: StoredRun = _typed(StoredRun, document["run"])
            return run
    except (ValueError, TypeError, KeyError, IndexError, AttributeError) as error:
        raise MeshtuiError(
            "the canary's state in the journal cannot be read", "`canary run --force` begins anew"
        ) from error
    raise MeshtuiError(
        "the canary's state was written by another version of meshtui", "go on with that one"
    )


def _plain(value: Any) -> Any:
    if is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, frozenset):
        return [_plain(one) for one in sorted(value)]
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    return value


def _typed(kind: Any, raw: Any) -> Any:
    """`raw` as the type says; raises where it is something else."""
    origin = get_origin(kind)
    if origin in (Union, types.UnionType):
        return None if raw is None else _typed(_only(kind), raw)
    if origin in (tuple, frozenset):
        return _several(origin, get_args(kind), raw)
    if is_dataclass(kind):
        hints = get_type_hints(kind)
        known = {
            f.name: _typed(hints[f.name], raw[f.name])
            for f in fields(kind)
            if f.name in raw or f.name not in ADDED
        }
        return kind(**known)  # type: ignore[operator]
    if issubclass(kind, Enum):
        return kind(raw)
    if kind is float and isinstance(raw, int) and not isinstance(raw, bool):
        return float(raw)
    if type(raw) is not kind:
        raise TypeError(kind)
    return raw


def _only(kind: Any) -> Any:
    (inner,) = (one for one in get_args(kind) if one is not types.NoneType)
    return inner


def _several(origin: Any, kinds: tuple[Any, ...], raw: Any) -> Any:
    if not isinstance(raw, list):
        raise TypeError(origin)
    if origin is frozenset or kinds[-1] is ...:
        return origin(_typed(kinds[0], one) for one in raw)
    return tuple(_each(kinds, raw))


def _each(kinds: Iterable[Any], raw: list[Any]) -> Iterable[Any]:
    for kind, one in zip(kinds, raw, strict=True):
        yield _typed(kind, one)

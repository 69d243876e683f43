"""A run as its driver reports it: the document of another process, which may be of any shape."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from meshtui.canary.progress import Progress, Side
from meshtui.mesh import read

MOST = 40
"""Steps that are shown of a ladder."""

_UNKNOWN = 1e16


def progress_from(document: Mapping[str, Any]) -> Progress | None:
    """What `progress.document` made; None where it names no ladder with a present step.

    Numbers are of any sensible size, shares 0 to 1, and texts as they were written: whoever shows
    them cleans them.
    """
    ladder, step = read.texts(document, "ladder")[:MOST], read.obj(document, "step")
    index = read.integer(step, "index", -1)
    if not 0 <= index < len(ladder):
        return None
    evidence = read.obj(document, "evidence")
    serving, status = document.get("in_proxies"), document.get("exit")
    return Progress(
        read.text(document, "service"),
        read.text(document, "version"),
        read.text(document, "phase", "unknown"),
        ladder,
        index,
        _within(read.decimal(step, "weight"), 100.0),
        _positive(step, "observed_s"),
        _positive(step, "left_s"),
        _side(read.obj(document, "canary")),
        _side(read.obj(document, "stable")) if read.obj(document, "stable") else None,
        _positive(evidence, "errors"),
        _positive(evidence, "latency"),
        max(read.decimal(evidence, "limit", 100.0), 2.0),
        read.text(document, "sentence"),
        read.text(document, "trouble"),
        _share(document, "measured_share"),
        serving if isinstance(serving, bool) else None,
        None if status is None else read.integer(document, "exit", 1),
        _positive(document, "time"),
    )


def _side(raw: Mapping[str, Any]) -> Side:
    return Side(
        _positive(raw, "requests"),
        _positive(raw, "errors"),
        _share(raw, "error_ratio"),
        _share(raw, "error_ratio_low"),
        _share(raw, "error_ratio_high"),
        _share(raw, "slow_ratio"),
        _known(raw, "p99_ms"),
    )


def _positive(raw: Mapping[str, Any], key: str) -> float:
    return max(read.decimal(raw, key), 0.0)


def _known(raw: Mapping[str, Any], key: str) -> float | None:
    found = read.decimal(raw, key, _UNKNOWN)
    return None if found == _UNKNOWN else max(found, 0.0)


def _share(raw: Mapping[str, Any], key: str) -> float | None:
    found = _known(raw, key)
    return None if found is None else _within(found, 1.0)


def _within(value: float, most: float) -> float:
    return min(max(value, 0.0), most)

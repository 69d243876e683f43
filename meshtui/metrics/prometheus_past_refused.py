"""Which 403s, 401s and 429s of a service's past proxies gave: their filters count by workload, or
set a flag that callers do not see."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from meshtui.metrics import prometheus_queries as queries
from meshtui.metrics.prometheus_past_queries import FLAGGED
from meshtui.metrics.prometheus_result import QueryResult
from meshtui.metrics.traffic import SOURCE, Traffic

CODES = ("403", "401", "429")

_SPACE, _NAME = "destination_workload_namespace", "destination_workload"
_AT_EDGE = ("", "")
_KINDS = {
    queries.DENIED: ("403", False),
    queries.TOKENS: ("401", False),
    queries.EDGE_DENIED: ("403", True),
    queries.EDGE_TOKENS: ("401", True),
}
_Place = tuple[tuple[str, str], str]
"""A workload, or the edge, and a code."""


def may_be_refused(requests: QueryResult) -> bool:
    """Whether there are answers that a filter may have given."""
    return any(labels.get("response_code") in CODES for labels in _metrics(requests))


def leaves_unsure(requests: QueryResult, denied: QueryResult) -> bool:
    """Whether there are 401s, and nobody counts which tokens are refused: istiod has the proxies
    keep no such counter unless it is asked to."""
    if any(labels.get(queries.WHAT) in _TOKENS for labels in _metrics(denied)):
        return False
    return any(labels.get("response_code") == "401" for labels in _metrics(requests))


_TOKENS = (queries.TOKENS, queries.EDGE_TOKENS)


def _metrics(answer: QueryResult) -> Iterator[Mapping[str, str]]:
    return (labels for labels, _ in answer.series())


def _place_of(labels: Mapping[str, str]) -> _Place:
    """Of which answers a series counts the refused ones; without a code of none."""
    what = labels.get(queries.WHAT, "")
    if what == FLAGGED:
        space, name = labels.get(_SPACE, ""), labels.get(_NAME, "")
        return (space, name), labels.get("response_code", "")
    code, edge = _KINDS.get(what, ("", False))
    return (_AT_EDGE if edge else queries.workload_of(labels)), code


@dataclass(slots=True)
class _Answers:
    """Of one place at one time, and to whose errors its part of them is added."""

    number: float = 0.0
    parts: list[tuple[dict[int, float], float]] = field(default_factory=list)


class Refusals:
    """Answers that may be by a filter, and what the filters counted."""

    def __init__(self, denied: QueryResult) -> None:
        self._denied: dict[tuple[_Place, int], float] = {}
        self._answers: dict[tuple[_Place, int], _Answers] = {}
        for labels, values in denied.series():
            place = _place_of(labels)
            code = place[1]
            for time, value in values:
                if code and 0 < value < math.inf:
                    at = (place, round(time))
                    self._denied[at] = self._denied.get(at, 0.0) + value

    def note(self, traffic: Traffic, at: int, value: float, errors: dict[int, float]) -> None:
        """Answers without a flag; what is outside of the cluster may answer so itself."""
        target = traffic.target
        if traffic.code not in CODES or not value or not self._denied:
            return
        if target.nowhere and "." in target.service.name:
            return
        workload = _AT_EDGE if target.nowhere else (target.namespace, target.workload)
        found = self._answers.setdefault(((workload, traffic.code), at), _Answers())
        found.number += value
        found.parts.append((errors, value))

    def told(self, traffic: Traffic, at: int, value: float) -> None:
        """Refused with a flag, in a counter of who answered: these are in nobody else's answers."""
        target = traffic.target
        place = ((target.namespace, target.workload), traffic.code), at
        if traffic.reporter != SOURCE and traffic.answered.refused and place in self._denied:
            self._denied[place] = max(0.0, self._denied[place] - value)

    def add(self) -> None:
        """To the errors the part that was denied: nobody counts which of them."""
        for place, answers in self._answers.items():
            part = min(1.0, self._denied.get(place, 0.0) / answers.number)
            for errors, value in answers.parts if part else ():
                errors[place[1]] = errors.get(place[1], 0.0) + value * part

"""Which series of a shared Prometheus are meant: the matchers that a person gives.

One Prometheus, Thanos or Mimir often has the series of several clusters, told apart by a label
such as `cluster`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from meshtui.dataclass import dataclass
from meshtui.errors import Usage

CLUSTERS = ("cluster", "source_cluster")
"""Labels that name the cluster of a proxy: the usual external label, and Istio's own."""

EXAMPLE = 'cluster="east"'

_MATCHER = re.compile(
    r'\s*([a-zA-Z_]\w*)\s*(=~|!~|!=|=)\s*("(?:[^"\\\n]|\\.)*"|\'(?:[^\'\\\n]|\\.)*\')\s*', re.ASCII
)
_ISTIOS = re.compile(
    r"reporter|(?:source|destination|request|response)_\w+|connection_security_policy"
    r"|grpc_response_status"
)
_LONGEST = 1_000


@dataclass(frozen=True, slots=True)
class Scope:
    """Matchers that every series of the mesh must fit; none: all series are summed.

    Each is a label's name and the matcher as PromQL has it.
    """

    matchers: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        return ",".join(matcher for _, matcher in self.matchers)

    @property
    def names_cluster(self) -> bool:
        """Whether a person has said which clusters are meant."""
        return any(name in CLUSTERS for name, _ in self.matchers)

    def mesh(self, metric: str, *more: str) -> str:
        """A selector of Istio's series."""
        return _selector(metric, (*more, *(matcher for _, matcher in self.matchers)))

    def targets(self, metric: str, *more: str) -> str:
        """A selector of what Prometheus says of its targets, which lacks Istio's own labels."""
        own = (matcher for name, matcher in self.matchers if not _ISTIOS.fullmatch(name))
        return _selector(metric, (*more, *own))


ALL = Scope()
"""Every series of the mesh there is."""


def _selector(metric: str, matchers: Iterable[str]) -> str:
    joined = ",".join(matchers)
    return f"{metric}{{{joined}}}" if joined else metric


def parse_matchers(text: str) -> tuple[tuple[str, str], ...]:
    """`cluster="east",env=~"prod.*"`, with or without braces. Raises `Usage`."""
    body = text.strip()
    if body.startswith("{") and body.endswith("}"):
        body = body[1:-1]
    hint = f"write a label and a quoted value, as in {EXAMPLE}"
    if not body.strip() or len(body) > _LONGEST:
        raise Usage(f"{text[:40]!r} is no matcher of PromQL", hint)
    found, at = [], 0
    while at < len(body):
        match = _MATCHER.match(body, at)
        end = match.end() if match else at
        if match is None or (end < len(body) and body[end] != ","):
            raise Usage(f"{body[at : at + 40]!r} is no matcher of PromQL", hint)
        name, sign, value = match.groups()
        if name == "__name__":
            raise Usage("__name__ cannot be matched: the metrics are Istio's", hint)
        found.append((name, f"{name}{sign}{value}"))
        at = end + 1
    return tuple(found)

"""Which paths of a version fail, by the access logs of its callers' proxies and of its own."""

from __future__ import annotations

from collections import Counter
from dataclasses import field
from typing import NamedTuple

from meshtui.dataclass import dataclass
from meshtui.mesh.sides import SIDES
from meshtui.mesh.versions import VersionView


class LoggedPath(NamedTuple):
    """A path of a version. `side` is whose proxy logged it.

    `subset` is that of the cluster that was asked, empty where the log names none; `pod`
    (namespace, name) is what answered, None where none was chosen.
    """

    side: str
    path: str
    subset: str = ""
    pod: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class LoggedPaths:
    """What was read of one service: requests, and those that failed (5xx, or no answer).

    `proxies` is the number of logs that were read, `troubles` why others could not be, and `at`
    when that was, in seconds since the epoch.
    """

    at: float = 0.0
    requests: Counter[LoggedPath] = field(default_factory=Counter)
    failed: Counter[LoggedPath] = field(default_factory=Counter)
    proxies: int = 0
    troubles: tuple[str, ...] = ()


class FailingPath(NamedTuple):
    path: str
    failed: int
    requests: int


def failing_paths(found: LoggedPaths, version: VersionView, most: int) -> list[FailingPath]:
    """Those that fail most often, as the callers logged them; where they logged no failure of the
    version, as its own proxies did."""
    for side in SIDES:
        failed = _by_path(found.failed, side, version)
        if failed:
            requests = _by_path(found.requests, side, version)
            ranked = sorted(failed.items(), key=lambda one: (-one[1], one[0]))
            return [FailingPath(path, n, max(requests[path], n)) for path, n in ranked[:most]]
    return []


def was_logged(found: LoggedPaths, version: VersionView) -> bool:
    """Whether any of the version's requests is in what was read."""
    return any(_is_of(one, version) for one in found.requests)


def _by_path(counts: Counter[LoggedPath], side: str, version: VersionView) -> Counter[str]:
    found: Counter[str] = Counter()
    for one, number in counts.items():
        if one.side == side and _is_of(one, version):
            found[one.path] += number
    return found


def _is_of(one: LoggedPath, version: VersionView) -> bool:
    if one.subset:
        return one.subset == version.subset
    return one.pod is not None and one.pod in {(p.namespace, p.name) for p in version.members}

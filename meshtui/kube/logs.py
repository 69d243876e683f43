"""A container's log, through the API server."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from datetime import UTC, datetime
from functools import lru_cache

from meshtui.kube.cluster import Cluster
from meshtui.kube.resources import PODS

_SILENCE_S = 10.0
_NANO = 1_000_000_000
_LONGEST_STAMP = 40
_LAST_S = 253_402_300_799
"""The end of the year 9999, in UTC."""


def pod_log(
    cluster: Cluster,
    namespace: str,
    pod: str,
    container: str,
    *,
    follow: bool = False,
    tail: int | None = 200,
    since_s: float | None = None,
    since: int | None = None,
    previous: bool = False,
    timestamps: bool = False,
    silence: float | None = None,
) -> AsyncGenerator[bytes, None]:
    """Lines of the log, oldest first and without line ends; only the first MiB of a line.

    `tail` is how many of the last lines (None: all that are kept), `since_s` how old the oldest
    may be, `since` the moment it is from (a stamp, see `split_stamp`; the server knows whole
    seconds only, so that some before it come too). `previous` is the container before this one.
    With `follow` it goes on until the container ends, and a quiet container is no failure unless
    `silence` seconds are one; the caller hangs up with `aclose()`. The bytes are whatever the
    container wrote.

    Raises NotFound (no such pod), Refused (no such container, not started yet, none before it),
    NotAllowed, Unreachable.
    """
    wanted = {
        "container": container,
        "follow": "true" if follow else "",
        "tailLines": "" if tail is None else str(tail),
        "sinceSeconds": "" if since_s is None else str(max(int(since_s), 1)),
        "sinceTime": "" if since is None else _second(since),
        "previous": "true" if previous else "",
        "timestamps": "true" if timestamps else "",
    }
    params = {key: value for key, value in wanted.items() if value}
    path = f"{PODS.path(namespace, pod)}/log"
    return cluster.lines(path, params, silence=silence if follow else _SILENCE_S)


def _second(stamp: int) -> str:
    return datetime.fromtimestamp(stamp // _NANO, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def split_stamp(line: bytes) -> tuple[int, bytes]:
    """When the kubelet took the line, in nanoseconds since the epoch, and the line itself.

    0 and the whole line where no time stands before it. The time is RFC 3339 with up to nine
    places, in the time zone of the node (pkg/kubelet/kuberuntime/logs).
    """
    head, _, text = line.partition(b" ")
    if not 20 <= len(head) <= _LONGEST_STAMP or head[4:5] != b"-" or head[10:11] != b"T":
        return 0, line
    whole, zone = head[:19], head[19:].lstrip(b".0123456789")
    digits = head[20 : len(head) - len(zone)] if head[19:20] == b"." else b""
    seconds = _seconds_at(whole + zone)
    if seconds is None:
        return 0, line
    try:
        return seconds * _NANO + int(digits.ljust(9, b"0")[:9] or b"0"), text
    except ValueError:
        return 0, line


@lru_cache(maxsize=256)
def _seconds_at(time: bytes) -> int | None:
    """Remembered, as hundreds of lines are of one second."""
    try:
        seconds = datetime.fromisoformat(time.decode("ascii")).timestamp()
    except (ValueError, OverflowError, OSError):
        return None
    return int(seconds) if 0 <= seconds <= _LAST_S else None

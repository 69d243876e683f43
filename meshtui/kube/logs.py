"""A container's log, through the API server."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from meshtui.kube.cluster import Cluster
from meshtui.kube.resources import PODS

_SILENCE_S = 10.0


def pod_log(
    cluster: Cluster,
    namespace: str,
    pod: str,
    container: str,
    *,
    follow: bool = False,
    tail: int | None = 200,
    since_s: int | None = None,
    previous: bool = False,
    timestamps: bool = False,
) -> AsyncGenerator[bytes, None]:
    """Lines of the log, oldest first and without line ends; only the first MiB of a line.

    `tail` is how many of the last lines (None: all that are kept), `since_s` how old the oldest
    may be. With `follow` it goes on until the container ends, and a quiet container is no
    failure; the caller hangs up with `aclose()`. The bytes are whatever the container wrote.

    Raises NotFound (no such pod), Refused (no such container, not started yet), NotAllowed,
    Unreachable.
    """
    wanted = {
        "container": container,
        "follow": "true" if follow else "",
        "tailLines": "" if tail is None else str(tail),
        "sinceSeconds": "" if since_s is None else str(max(since_s, 1)),
        "previous": "true" if previous else "",
        "timestamps": "true" if timestamps else "",
    }
    params = {key: value for key, value in wanted.items() if value}
    path = f"{PODS.path(namespace, pod)}/log"
    return cluster.lines(path, params, silence=None if follow else _SILENCE_S)

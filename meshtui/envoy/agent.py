"""Envoy's admin interface as Istio's agent in the proxy's container prints it, by exec."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshtui.errors import Refused
from meshtui.kube.exec import run_in_pod
from meshtui.mesh.text import clean

if TYPE_CHECKING:
    from meshtui.kube.cluster import Cluster

AGENT = "pilot-agent"


async def agent_get(
    cluster: Cluster,
    namespace: str,
    pod: str,
    path: str,
    *,
    container: str,
    agent: str = AGENT,
    who: str = "",
    timeout: float,  # noqa: ASYNC109
    limit: int,
) -> bytes:
    """What `pilot-agent request GET path` prints. Errors as `admin_get`.

    Another `agent` that knows the same words is istiod's `pilot-discovery`; `who` is what the
    errors call the one that answers.

    It prints the whole body and a line feed. A status of 400 or more is an exit code and a line
    on stderr, except for 404, whose body comes as if it were an answer: do not ask for pages
    that may not be there (https://github.com/istio/istio/blob/master/pilot/pkg/request/command.go).
    """
    command = (agent, "request", "GET", path)
    ended = await run_in_pod(
        cluster, namespace, pod, container, command, limit=limit + 1, timeout=timeout
    )
    if ended.code:
        reason = _error_line(ended.stderr) or f"exit code {ended.code} of {agent}"
        who = who or f"the proxy of {namespace}/{pod}"
        raise Refused(f"{who} does not answer {path.partition('?')[0]}: {reason}")
    return ended.stdout.removesuffix(b"\n")


def _error_line(stderr: bytes) -> str:
    """The line that tells the error among those of the agent's log; else the last."""
    lines = [line.strip() for line in stderr.decode("utf-8", "replace").splitlines()]
    error_lines = [line for line in lines if line.startswith("Error: ")] or [
        line for line in lines if line
    ]
    return clean(error_lines[-1], 300) if error_lines else ""

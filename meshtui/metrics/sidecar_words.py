"""What is said of sidecars that were not read: why, and which share of the mesh numbers cover."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from meshtui.errors import MeshtuiError, NotAllowed, NotFound, Unreachable
from meshtui.mesh.model import Mesh, Pod

_MOST_PROBLEMS = 8

Failures = list[tuple[Pod, MeshtuiError]]


def vanished(pod: Pod, error: MeshtuiError) -> bool:
    """Pods come and go: one that ends while it is read is no failure of the telemetry."""
    return pod.deleting or isinstance(error, NotFound)


def refuse_nothing(pods: Sequence[Pod], failures: Failures) -> None:
    """Raise where not one pod was read: the signals are unknown then, not zero."""
    if not pods or len(failures) < len(pods):
        return
    what = f"none of {len(pods)} sidecars could be read"
    reasons = "; ".join(problems(failures))
    if all(isinstance(error, NotAllowed) for _, error in failures):
        raise NotAllowed(f"{what} ({reasons})", "reading them needs `get` on `pods/proxy`")
    raise Unreachable(f"{what} ({reasons})", "check the API server's way to the pods, port 15020")


def problems(failures: Iterable[tuple[Pod, MeshtuiError]]) -> tuple[str, ...]:
    """One line per reason, the commonest first; a thousand pods often fail for one reason."""
    pods: dict[str, list[Pod]] = {}
    for pod, error in failures:
        pods.setdefault(_reason(pod, error), []).append(pod)
    ranked = Counter({reason: len(those) for reason, those in pods.items()})
    return tuple(
        f"{pods[reason][0].namespace}/{pods[reason][0].name}"
        + (f" and {count - 1} more" if count > 1 else "")
        + f": {reason}"
        for reason, count in ranked.most_common(_MOST_PROBLEMS)
    )


def _reason(pod: Pod, error: MeshtuiError) -> str:
    """Why, without what tells the pods apart, so that the same reason is the same text."""
    reason = error.what.replace(f"/{pod.name}:", "/…:")
    reason = reason.replace(f"/namespaces/{pod.namespace}/", "/namespaces/…/")
    return reason.replace(f"{pod.ip}:", "…:") if pod.ip else reason


def none_there(mesh: Mesh) -> str:
    """Why no sidecar is asked: the first samples come before a large mesh's pods."""
    known = mesh.knows("pods")
    return "no running pod has a sidecar" if known else "which pods there are is not known"


def about_one(asked: int, pods: int) -> tuple[str, ...]:
    """Which share of the mesh the numbers cover where one service is asked for."""
    if asked == pods:
        return ()
    return (
        f"{asked} of {pods} sidecars are read: the service's own, the gateways', and"
        " those of who reached it",
    )


def in_turns(known: int, needed: int, pods: int) -> tuple[str, ...]:
    """The same where what is shown is read first: of how many sidecars there are numbers.

    `needed`: how many a filter leaves to be read.
    """
    if needed < pods:
        return (f"only the {needed} sidecars that the rows shown need are read",)
    if known == pods:
        return ()
    return ("what is shown is read first, the others in turns",)

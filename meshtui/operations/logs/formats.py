"""What the proxies of a service log, and how, as the mesh is set to."""

from __future__ import annotations

from collections.abc import Iterable

from meshtui.mesh.access_logging import LogFormat, Logging, logging_of
from meshtui.mesh.model import Mesh, Pod

_HOW = (
    "set accessLogFile: /dev/stdout in meshConfig, or make a Telemetry with accessLogging and the "
    "provider envoy"
)


def logging_at(mesh: Mesh, pod: Pod) -> Logging | None:
    """None where that is not known."""
    root, logs = mesh.settings.root_namespace, mesh.settings.logs
    if logs is None or not mesh.settings.known:
        return None
    if not all(mesh.knows("telemetries", home) for home in (root, pod.namespace)):
        return None
    return logging_of(mesh.telemetries, logs, root, pod.namespace, pod.labels)


def formats_of(mesh: Mesh, pods: Iterable[Pod]) -> tuple[LogFormat, ...]:
    """The formats of the mesh's own that the pods' proxies write in; Istio's is none of them."""
    found: list[LogFormat] = []
    for pod in pods:
        logging = logging_at(mesh, pod)
        for form in logging.formats if logging else ():
            if (form.text or form.keys) and form not in found:
                found.append(form)
    return tuple(found)


def not_logged(mesh: Mesh, pods: Iterable[Pod]) -> str:
    """Why the pods' proxies log no requests, and what to do; empty where one does, or may."""
    each = [logging_at(mesh, pod) for pod in pods if pod.sidecar]
    if not each or any(logging is None or logging.on for logging in each):
        return ""
    reasons = dict.fromkeys(logging.because for logging in each if logging)
    why = ", ".join(filter(None, reasons))
    said = f"as {why} says" if why else "as accessLogFile is empty and no Telemetry asks for one"
    return f"these proxies write no access log to their container, {said}: {_HOW}"

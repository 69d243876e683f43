"""Everything that is wrong with a mesh at this moment, one line each: for `meshtui --check`."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from meshtui.dataclass import dataclass
from meshtui.diagnosis.proxy_sync import BEHIND, NOT_CONNECTED, NOT_RUNNING, REFUSES, row_lines
from meshtui.mesh.judging import DEGRADED, FAILING, ONLY_ERRORS, REFUSED, SLOW
from meshtui.mesh.view import ServiceView, service_views
from meshtui.operations.look.analyze import findings
from meshtui.operations.look.doctor import FAIL, limit_checks
from meshtui.operations.look.proxy_sync import MeshSync, read_sync

if TYPE_CHECKING:
    from meshtui.diagnosis.analysis import Finding
    from meshtui.mesh.model import Mesh
    from meshtui.mesh.signals import Sample
    from meshtui.mesh.versions import VersionView
    from meshtui.operations.session import Session

ERROR, WARNING, INFO = "error", "warning", "info"
SEVERITIES = (ERROR, WARNING, INFO)

_STATES = {
    **dict.fromkeys((FAILING, ONLY_ERRORS, REFUSED), ERROR),
    **dict.fromkeys((SLOW, DEGRADED), WARNING),
}
_PROXIES = {REFUSES: ERROR, NOT_CONNECTED: ERROR, BEHIND: WARNING, NOT_RUNNING: WARNING}


@dataclass(frozen=True, slots=True)
class CheckLine:
    """One thing that is wrong: with what, and in words. `kind` is version, proxy, rules, limit,
    reading or settings."""

    severity: str
    kind: str
    about: str
    text: str


async def check_mesh(
    session: Session, mesh: Mesh, sample: Sample | None, namespace: str = ""
) -> tuple[CheckLine, ...]:
    """Of one namespace, or of all; the worst first, and then as they concern people: what fails
    now before what is written wrongly."""
    sync = await read_sync(session.cluster, mesh, lambda space, _: namespace in ("", space))
    views = service_views(mesh, sample, session.options.thresholds)
    written = findings(mesh, session.journal)
    limits = await limit_checks(session, mesh)
    lines = [
        *version_lines(view for view in views if namespace in ("", view.key.namespace)),
        *proxy_lines(sync, time.time()),
        *(CheckLine(ERROR, "limit", "time limit", one.text) for one in limits if one.level == FAIL),
        *rule_lines(one for one in written if namespace in ("", one.object.namespace)),
        *(CheckLine(WARNING, "reading", "mesh", text) for text in mesh.problems),
    ]
    return tuple(sorted(lines, key=lambda line: SEVERITIES.index(line.severity)))


def version_lines(views: Iterable[ServiceView]) -> Iterator[CheckLine]:
    """Versions that fail or are slow, and those whose pods are not well."""
    for view in views:
        for version in view.versions:
            severity = _STATES.get(version.state)
            if severity:
                about = f"{view.key} {version.label}"
                yield CheckLine(severity, "version", about, _version_words(version))


def _version_words(version: VersionView) -> str:
    signals, parts = version.caller, [version.state]
    if signals is not None and signals.error_ratio:
        parts.append(f"{100 * signals.error_ratio:.3g} % errors of {signals.rps:.3g} requests/s")
    return "; ".join(filter(None, (*parts, version.slow, version.pods_words)))


def proxy_lines(sync: MeshSync, now: float) -> Iterator[CheckLine]:
    """Proxies that do not have what istiod sent; of what is not known there is no line."""
    for row in sync.rows:
        severity = _PROXIES.get(row.state)
        if severity:
            words = "; ".join(row_lines(row, now)) or row.state
            yield CheckLine(severity, "proxy", f"{row.name}.{row.namespace}", words)


def rule_lines(found: Iterable[Finding]) -> Iterator[CheckLine]:
    for one in found:
        severity = one.severity if one.severity in SEVERITIES else INFO
        about = f"{one.object} {one.field}".rstrip()
        yield CheckLine(severity, "rules", about, one.effect)

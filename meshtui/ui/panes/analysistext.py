"""Findings as they are read: how bad and what, where, what comes of it, what to do. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from meshtui.diagnosis.analysis import ERROR, INFO, WARNING, Finding
from meshtui.mesh.model import Mesh, Ref, VirtualService
from meshtui.mesh.resolution.names import gateway_name
from meshtui.mesh.view import ServiceView
from meshtui.ui.widgets.paint import BLANK, Line, Span, both_ends, span, width_of, wrapped

if TYPE_CHECKING:
    from meshtui.operations.look.analyze import Analysis

LOOKS = {ERROR: ("✖", "error"), WARNING: ("▲", "warning"), INFO: ("•", "mark")}
"""Sign and role of each severity; the word stands beside them."""

MOST = 200
"""Findings written out. Whoever has more reads them with `meshtui analyze`."""

INDENT = "  "


def counts_line(findings: Iterable[Finding]) -> Line:
    """`✖ 2 errors  ▲ 1 warning`: what there is of each severity, the worst first."""
    levels = [finding.severity for finding in findings]
    pieces: list[Span] = []
    for level, (sign, role) in LOOKS.items():
        number = levels.count(level)
        if number:
            pieces.append(Span("  " * bool(pieces)))
            plural = "s" if number > 1 and level != INFO else ""
            pieces.append(Span(f"{sign} {number} {level}{plural}", role))
    return tuple(piece for piece in pieces if piece.text)


def refs_of(view: ServiceView, mesh: Mesh) -> frozenset[Ref]:
    """The objects that decide what becomes of a service's traffic, its gateways among them."""
    host = view.service.host
    rules = {route.service for route in view.routes}
    rules.update(service for service, _ in mesh.rules_by_destination.get(host, ()))
    rules.update(mesh.virtual_services_by_host.get(host, ()))
    found = {service.ref for service in rules}
    found.update(rule.ref for rule in mesh.rules_by_host.get(host, ()))
    for service in rules:
        for name in service.gateways if isinstance(service, VirtualService) else ():
            namespace, _, called = gateway_name(name, service.ref.namespace).partition("/")
            gateway = mesh.gateways_by_place.get((namespace, called))
            found.update([gateway.ref] if gateway else [])
    return frozenset(found)


def findings_lines(
    found: Analysis, own: frozenset[Ref], name: str, mesh: Mesh, width: int, cluster: str = ""
) -> list[Line]:
    """Those about the objects in `own`, the service called `name`, then the rest of the mesh.

    Of several clusters the service's own is `cluster`: another one's object may have the name.
    """

    def is_own(finding: Finding) -> bool:
        return finding.cluster in ("", cluster) and finding.object in own

    here = [finding for finding in found.findings if is_own(finding)]
    rest = [finding for finding in found.findings if not is_own(finding)]
    lines = _section(here, f"about {name}", width, counted=bool(rest)) if name else []
    if rest or not name:
        lines += _section(
            rest, "elsewhere in the mesh" if name else "in the mesh", width, counted=bool(here)
        )
    else:
        lines.append((Span("nothing found elsewhere in the mesh", "muted"),))
    return [*lines, *_unread(mesh, found.unchecked, width)]


def _section(
    findings: Sequence[Finding], where: str, width: int, *, counted: bool = True
) -> list[Line]:
    """A heading and the findings. Where there is one section only, the pane's title counts."""
    if not findings:
        return [(Span("● ", "ok"), span(f"nothing found {where}", "text")), BLANK]
    lines: list[Line] = [
        both_ends((span(where, "head"),), counts_line(findings) if counted else (), width),
        BLANK,
    ]
    for finding in findings[:MOST]:
        lines += finding_lines(finding, width)
    more = len(findings) - MOST
    if more > 0:
        lines += wrapped(f"{more:,} more: meshtui analyze -A lists them", width, "muted")
        lines.append(BLANK)
    return lines


@lru_cache(maxsize=2048)
def finding_lines(finding: Finding, width: int) -> tuple[Line, ...]:
    """One finding; kept, for a list of hundreds is put together anew at each move of the cursor."""
    sign, role = LOOKS.get(finding.severity, ("?", "muted"))
    head: Line = (
        Span(f"{sign} {finding.severity:<8}", role),
        span(finding.code, "strong"),
        span("  " + " ".join(finding.same_as), "muted"),
    )
    return (
        head,
        *_place(finding, width),
        *wrapped(finding.effect, width, "text", INDENT),
        *_advice(finding.advice, width),
        BLANK,
    )


def _place(finding: Finding, width: int) -> list[Line]:
    """The object, and behind it or below it what of it."""
    place = finding.object
    line: Line = (
        Span(INDENT),
        Span(place.kind + " ", "muted"),
        span(f"{place.namespace}/{place.name}"),
        span(f" in {finding.cluster}" if finding.cluster else "", "muted"),
    )
    field = span(f"  {finding.field}", "muted")
    if width_of((*line, field)) <= width:
        return [(*line, field)]
    return [line, *wrapped(finding.field, width, "muted", INDENT)]


def _advice(text: str, width: int) -> list[Line]:
    """The text behind an arrow, its lines below each other."""
    lines = wrapped(text, width - 4, "ok")
    return [
        (Span(INDENT), Span("  " if at else "→ ", "ok"), *line) for at, line in enumerate(lines)
    ]


def _unread(mesh: Mesh, unchecked: Iterable[str], width: int) -> list[Line]:
    """What the findings cannot speak of."""
    lines: list[Line] = []
    if not mesh.istio:
        lines += wrapped("this cluster does not serve Istio's resources", width, "muted")
    for text in unchecked:
        lines += wrapped(text, width, "muted")
    for problem in mesh.problems[:MOST]:
        lines += wrapped(f"not understood: {problem}", width, "warning")
    return lines

"""Changes towards harm: more traffic where requests fail now, a timeout that cuts off most."""

from __future__ import annotations

from collections.abc import Iterator

from meshtui.changes.change import Caution, Change
from meshtui.changes.health import VersionHealth, about_percent, health_of
from meshtui.changes.stranding import counterpart, percents_of, rules_in
from meshtui.dataclass import dataclass
from meshtui.mesh.judging import DEGRADED
from meshtui.mesh.model import Mesh, Rule
from meshtui.mesh.quantity import go_duration
from meshtui.mesh.signals import Sample, Signals
from meshtui.mesh.thresholds import Thresholds
from meshtui.mesh.versions import version_rows
from meshtui.mesh.view import ServiceView, measured

WORTH_SAYING = 0.01
"""The part of the requests that a timeout may cut off without a word."""


def harm(
    mesh: Mesh, change: Change, sample: Sample | None, limits: Thresholds
) -> tuple[Caution, ...]:
    """What the change would make worse, by what is measured now, in the whole object.

    A rollback is judged by the choice of its version instead.
    """
    if change.target.kind == "DestinationRule" or change.verb == "rollback":
        return ()
    before, after = (
        rules_in(change, spec, mesh.settings.domain)
        for spec in (change.spec_before, change.spec_after)
    )
    measured_by = _Measured(mesh, sample, limits)
    found = [
        finding
        for rule in after
        for finding in _of_rule(measured_by, counterpart(before, rule), rule)
    ]
    return tuple(dict.fromkeys(found))


def gains(mesh: Mesh, change: Change) -> dict[tuple[str, str], float]:
    """The most percent that a rule of the change adds to each destination that gains traffic."""
    if change.target.kind == "DestinationRule":
        return {}
    before, after = (
        rules_in(change, spec, mesh.settings.domain)
        for spec in (change.spec_before, change.spec_after)
    )
    found: dict[tuple[str, str], float] = {}
    for rule in after:
        was = percents_of(counterpart(before, rule))
        for place, percent in percents_of(rule).items():
            gained = percent - was.get(place, 0.0)
            if gained > 1e-9:
                found[place] = max(gained, found.get(place, 0.0))
    return found


@dataclass(frozen=True, slots=True)
class _Measured:
    mesh: Mesh
    sample: Sample | None
    limits: Thresholds

    def health(self, rule: Rule, host: str, subset: str) -> VersionHealth | None:
        service = self.mesh.by_host.get(host)
        if service is None:
            return None
        found = health_of(self.mesh, service, rule, self.sample, self.limits)
        return next((version for version in found if version.place == (host, subset)), None)

    def signals(self, rule: Rule, host: str, subset: str) -> Signals | None:
        """What callers saw of a destination; of all the service's where it names no subset."""
        service = self.mesh.by_host.get(host)
        if service is None:
            return None
        view = ServiceView(service, version_rows(self.mesh, service, rule))
        (seen,) = measured((view,), self.sample, self.limits)
        rows = [row for row in seen.versions if (row.host, row.subset) == (host, subset)]
        if len(rows) == 1 or subset or self.sample is None:
            return rows[0].caller if rows else None
        return self.sample.caller_totals.get(service.key)


def _of_rule(seen: _Measured, old: Rule | None, rule: Rule) -> Iterator[Caution]:
    was = percents_of(old)
    for (host, subset), percent in percents_of(rule).items():
        if not host and (host, subset) not in was:
            yield Caution("danger", f"rule {rule.title} has a destination without a host")
        gained = percent - was.get((host, subset), 0.0)
        health = seen.health(rule, host, subset) if gained > 1e-9 else None
        if health is not None and health.failing:
            since = f"from {was.get((host, subset), 0.0):.3g} " if old else ""
            grows = f"{since}to {percent:.3g} %"
            text = f"{health.label} {health.how} ({health.words}): its traffic grows {grows}"
            yield Caution("danger", text)
        elif health is not None and health.state == DEGRADED:
            text = f"{health.label} is degraded now ({health.words}): its traffic grows to "
            yield Caution("warning", f"{text}{percent:.3g} %")
    if rule.timeout_s and _shorter(rule.timeout_s, old):
        for place, percent in percents_of(rule).items():
            if percent > 0:
                yield from _cut_off(seen, rule, rule.timeout_s, place)


def _shorter(timeout_s: float, old: Rule | None) -> bool:
    return old is None or not old.timeout_s or timeout_s < old.timeout_s


def _cut_off(
    seen: _Measured, rule: Rule, timeout_s: float, place: tuple[str, str]
) -> Iterator[Caution]:
    signals = seen.signals(rule, *place)
    slower = signals.slower_than(timeout_s * 1000) if signals else None
    if signals is None or slower is None or slower < WORTH_SAYING:
        return
    median = signals.p50_ms
    name = place[1] or place[0].partition(".")[0]
    text = f"{about_percent(slower)} of the requests to {name} take longer than "
    text += f"{go_duration(timeout_s)} now"
    below = median is not None and timeout_s * 1000 < median
    more = f" (p50 is {median:.0f} ms)" if below else ""
    yield Caution("danger" if below else "warning", text + more)

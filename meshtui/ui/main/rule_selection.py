"""Which rule of a service is shown and changed: the ordinary one, or one that was chosen."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from meshtui.dataclass import dataclass
from meshtui.mesh.carrying import Route
from meshtui.mesh.model import Match, Mesh, ServiceKey
from meshtui.mesh.rule_marks import faults_beside, marks_of
from meshtui.mesh.versions import VersionView, version_rows
from meshtui.mesh.view import ServiceView


@dataclass(frozen=True, slots=True)
class RuleId:
    """By what a rule is known again when others come and go around it."""

    uid: str
    protocol: str
    name: str
    matches: tuple[Match, ...]
    index: int


def rule_id(route: Route) -> RuleId:
    rule = route.rule
    return RuleId(route.service.ref.uid, rule.protocol, rule.name, rule.matches, rule.index)


def place_of(route: Route) -> str:
    """The rule's place among all rules, for as long as a snapshot stands."""
    ref = route.service.ref
    return f"{ref.kind}/{ref.namespace}/{ref.name}/{route.rule.protocol}/{route.rule.index}"


def find(routes: tuple[Route, ...], wanted: RuleId) -> Route | None:
    """The rule wherever it stands now; of several alike the one that still has its place."""
    alike = [r for r in routes if replace(rule_id(r), index=wanted.index) == wanted]
    if len(alike) == 1:
        return alike[0]
    return next((r for r in alike if r.rule.index == wanted.index), None)


def is_ordinary(view: ServiceView) -> bool:
    """True where the view shows the rule that verbs mean when none is named."""
    usual = view.usual
    return view.route is None or (usual is not None and rule_id(usual) == rule_id(view.route))


def rule_name(view: ServiceView) -> str:
    """What names the view's rule in a request; empty for the ordinary one."""
    return "" if view.route is None or is_ordinary(view) else name_of(view, view.route)


def name_of(view: ServiceView, route: Route) -> str:
    """What names one of the view's rules in a request."""
    rule, service = route.rule, route.service
    if rule.name and sum(route.rule.name == rule.name for route in view.routes) == 1:
        return rule.name
    index = rule.index if rule.protocol == "http" else f"{rule.place}[{rule.index}]"
    return f"{service.ref.name}/{index}"


def by_rule(view: ServiceView, route: Route, mesh: Mesh) -> ServiceView:
    """The service as this rule routes it; what was measured stays with its versions."""
    known = {(row.host, row.label): row for row in view.versions}
    rows = tuple(
        _measured_as(row, known.get((row.host, row.label)))
        for row in version_rows(mesh, view.service, route.rule)
    )
    strays = tuple(row for row in view.versions if not row.host)
    marks = (*marks_of(route.rule), *faults_beside(view.routes, route.rule))
    return replace(view, route=route, versions=(*rows, *strays), marks=marks, joins=None)


def _measured_as(row: VersionView, known: VersionView | None) -> VersionView:
    if known is None:
        return row
    return replace(
        row,
        caller=known.caller,
        server=known.server,
        share=known.share,
        state=known.state,
        server_state=known.server_state,
        reached=known.reached,
        unknown_because=known.unknown_because,
        slow=known.slow,
        pods_state=known.pods_state,
        pods_words=known.pods_words,
        server_slow=known.server_slow,
        tcp=known.tcp,
    )


class SelectedRules:
    """The chosen rules, one for each service that has one."""

    def __init__(self) -> None:
        self._chosen: dict[ServiceKey, RuleId] = {}

    @property
    def chosen(self) -> Mapping[ServiceKey, RuleId]:
        return self._chosen

    def choose(self, view: ServiceView, route: Route) -> None:
        """Choosing the ordinary rule is choosing none."""
        usual = view.usual
        if usual is not None and rule_id(usual) == rule_id(route):
            self.drop(view.key)
        else:
            self._chosen[view.key] = rule_id(route)

    def drop(self, key: ServiceKey) -> bool:
        """Back to the ordinary rule; False where it was that already."""
        return self._chosen.pop(key, None) is not None

    def seen(
        self, views: tuple[ServiceView, ...], mesh_of: Callable[[ServiceKey], Mesh]
    ) -> tuple[tuple[ServiceView, ...], tuple[ServiceKey, ...]]:
        """The views as they are aimed at, and the services whose chosen rule is gone."""
        if not self._chosen:
            return views, ()
        lost: list[ServiceKey] = []
        shown: list[ServiceView] = []
        for view in views:
            wanted = self._chosen.get(view.key)
            route = find(view.routes, wanted) if wanted else None
            if wanted and route is None:
                lost.append(view.key)
                self.drop(view.key)
            shown.append(by_rule(view, route, mesh_of(view.key)) if route else view)
        return tuple(shown), tuple(lost)

"""The table by the rules that are aimed at: choosing one, going back, telling when it is gone."""

from __future__ import annotations

from typing import Protocol

from meshtui.errors import NotFound
from meshtui.mesh.carrying import Route
from meshtui.mesh.control_plane import shown
from meshtui.mesh.model import ServiceKey
from meshtui.mesh.nearest import nearest_words
from meshtui.mesh.view import ServiceView
from meshtui.operations.types import Snapshot
from meshtui.ui.main.drafts import Drafts
from meshtui.ui.main.host import HasSnapshot, Notifies, UpdatesPanes, UpdatesPlace
from meshtui.ui.main.rule_selection import SelectedRules
from meshtui.ui.table.widget import MeshTable


class Host(HasSnapshot, Notifies, UpdatesPanes, UpdatesPlace, Protocol):
    """What is used of the screen."""


class TableFeed:
    """Feeds the table. A draft belongs to a rule: it goes when another one is shown."""

    def __init__(self, table: MeshTable, drafting: Drafts, namespace: str, host: Host) -> None:
        self._table = table
        self._drafting = drafting
        self._host = host
        self._rules = SelectedRules()
        self.namespace = namespace
        """Only its services are shown; empty for all. Before connecting it is what -n says."""

        self._listed: tuple[tuple[ServiceView, ...], str, tuple[ServiceView, ...]] = ((), "", ())
        self.recent: tuple[str, ...] = ()
        """The namespaces that were shown alone, the last one first."""

    def prepare(self, snapshot: Snapshot) -> None:
        """What `show` would work out on the loop; in any thread."""
        self._table.prepare(self._listed_of(snapshot), snapshot.sample)

    def _listed_of(self, snapshot: Snapshot) -> tuple[ServiceView, ...]:
        of, namespace, listed = self._listed
        if of is not snapshot.views or namespace != self.namespace:
            namespace, listed = self.namespace, shown(snapshot.views, self.namespace)
            self._listed = snapshot.views, namespace, listed
        return listed

    def show(self) -> None:
        """The services of the last snapshot, each by the rule that is aimed at."""
        snapshot = self._host.snapshot
        if snapshot is None:
            return
        listed = self._listed_of(snapshot)
        views, lost = self._rules.seen(listed, lambda key: snapshot.of(key).mesh)
        self._table.empty_text = "" if views else empty_text(snapshot, self.namespace)
        self._table.feed(views, snapshot.sample)
        for key in lost:
            self._drafting.drop(key)
            words = f"{key.name}: the chosen rule is gone; back to the ordinary one"
            self._host.announce(words, "warning")

    @property
    def namespaces(self) -> list[str]:
        """Those that have services."""
        snapshot = self._host.snapshot
        return sorted({view.key.namespace for view in snapshot.views}) if snapshot else []

    @property
    def reading(self) -> bool:
        """Whether what there is, is not known yet."""
        snapshot = self._host.snapshot
        return snapshot is None or (not snapshot.views and snapshot.cluster.state in _BEGINNING)

    @property
    def services(self) -> tuple[ServiceView, ...]:
        """Those of the namespace that is shown."""
        snapshot = self._host.snapshot
        return self._listed_of(snapshot) if snapshot else ()

    @property
    def in_parts(self) -> bool:
        """Whether there may be namespaces that were not looked at, for want of rights."""
        snapshot = self._host.snapshot
        return snapshot is not None and not snapshot.mesh.knows("services")

    def begin_in(self, namespace: str) -> None:
        """What will be shown; `narrow` shows it now."""
        self.namespace = namespace
        if namespace:
            self.recent = tuple(dict.fromkeys((namespace, *self.recent)))

    def narrow(self, namespace: str) -> None:
        """Show one namespace's services, or all. Raises `NotFound` naming what there is; as long
        as that is not known, the table says it later.
        """
        there = self.namespaces
        if namespace and namespace not in there and not self.reading:
            hint = nearest_words(namespace, there)
            raise NotFound(f"no services in namespace {namespace}", hint)
        self.begin_in(namespace)
        self.show()
        self._host.place_again()
        self._host.update_panes()
        self._host.announce(f"namespace {namespace}" if namespace else "all namespaces")

    def select_rule(self, view: ServiceView, route: Route) -> None:
        """From now on the verbs mean this rule of the service."""
        self._rules.choose(view, route)
        self._again(view.key)
        chosen = view.key in self._rules.chosen
        named = f"rule {route.rule.title}" if chosen else "the ordinary rule"
        self._host.announce(f"{view.key.name}: {named} is shown and changed")

    def back(self, key: ServiceKey) -> bool:
        """The ordinary rule again; False where it was that already."""
        if not self._rules.drop(key):
            return False
        self._again(key)
        self._host.announce(f"{key.name}: the ordinary rule again")
        return True

    def _again(self, key: ServiceKey) -> None:
        self._drafting.drop(key)
        self.show()
        self._host.update_panes()


_BEGINNING = ("connecting", "reading")


def empty_text(snapshot: Snapshot, namespace: str = "") -> str:
    """Why there are no rows."""
    there = sorted({view.key.namespace for view in snapshot.views})
    if namespace and there and snapshot.cluster.state != "connecting":
        return f"no services in namespace {namespace}; there are {', '.join(there[:5])}"
    if snapshot.cluster.state == "connecting":
        return "reading the mesh…"
    if not snapshot.mesh.istio:
        return "this cluster does not serve Istio's resources"
    if not snapshot.mesh.knows("services"):
        return "which services there are is not known: Services can't be read"
    return "no services in the namespaces that can be read"

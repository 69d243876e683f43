"""What the proxies pane shows now, and what it wants to know. No Textual, no waiting."""

from __future__ import annotations

from dataclasses import field

from meshtui.changes.outcome import NOT_MEANT
from meshtui.dataclass import dataclass
from meshtui.errors import MeshtuiError
from meshtui.mesh.model import Mesh, Pod, ServiceKey
from meshtui.operations.proxies.matrix import Matrix, Row
from meshtui.operations.proxies.proxy_reads import (
    CLUSTERS,
    ENDPOINTS,
    LISTENERS,
    ROUTES,
    ProxyReads,
)
from meshtui.ui.panes.proxies.raw import RawText
from meshtui.ui.panes.proxies.table import Table
from meshtui.ui.widgets.paint import Line, Span, span

INTENT = "intent"
VIEWS = (INTENT, ROUTES, CLUSTERS, ENDPOINTS, LISTENERS)
"""By the digit of their keys."""

Key = tuple[str, str]


def key_of(pod: Pod) -> Key:
    return pod.namespace, pod.name


@dataclass(frozen=True, slots=True)
class Question:
    """What the pane wants to know now; an answer to another one comes too late."""

    view: str
    pod: Key = ("", "")
    service: ServiceKey | None = None
    context: str = ""


@dataclass(slots=True)
class ProxyState:
    """`pod` is the proxy of all views but the first; `named` is true where a person chose it."""

    at: str = INTENT
    service: ServiceKey | None = None
    context: str = ""
    matrix: Matrix | None = None
    rows: dict[Key, tuple[Row, float]] = field(default_factory=dict)
    pod: Pod | None = None
    named: bool = False
    everything: bool = False
    question: Question | None = None
    reading: ProxyReads | None = None
    table: Table | None = None
    read_at: float | None = None
    wants_raw: bool = False
    raw: RawText | None = None
    error: MeshtuiError | None = None
    note: Line = ()
    search: str = ""
    awaited: int = 0
    """Answers to the question that are still to come."""

    moved: bool = False
    """True once a person has moved the cursor of the first view."""

    @property
    def clients(self) -> tuple[Pod, ...]:
        return self.matrix.pods if self.matrix else ()

    @property
    def place(self) -> int:
        """Where the proxy stands among the clients, by identity; -1 where it is none of them."""
        mine = key_of(self.pod) if self.pod else None
        return next((n for n, pod in enumerate(self.clients) if key_of(pod) == mine), -1)

    @property
    def lagging(self) -> bool:
        rows = self.rows.values()
        return self.matrix is not None and any(self.matrix.differs(row) for row, _ in rows)

    def follow(self, service: ServiceKey, context: str = "") -> None:
        """Another service, or another cluster: all that was read is of the one before."""
        if self.context not in ("", context):
            self.pod, self.named = None, False
        self.context = context
        self.service, self.matrix, self.rows, self.moved = service, None, {}, False
        self.forget()

    @property
    def worth_a_look(self) -> Pod | None:
        """The first client that does not do what is asked, else one that is asked for something."""
        if self.matrix is None or len(self.rows) < len(self.clients):
            return None
        rows = [self.rows[key_of(pod)][0] for pod in self.clients if key_of(pod) in self.rows]
        wrong = (row.pod for row in rows if row.trouble or self.matrix.differs(row))
        meant = (row.pod for row in rows if row.state != NOT_MEANT)
        return next(wrong, None) or next(meant, None)

    def meet(self, matrix: Matrix) -> None:
        """Whom to ask, as of now; a proxy that is no client any more gives way to one that is."""
        self.matrix = matrix
        keys = [key_of(pod) for pod in matrix.pods]
        self.rows = {key: row for key, row in self.rows.items() if key in keys}
        if self.named or (self.pod is not None and self.place >= 0):
            return
        gone = self.pod
        self.choose(next(iter(matrix.pods), None))
        if gone is not None and self.pod is not None and gone.namespace == self.pod.namespace:
            self.note = (span(f"{gone.name} is no client here (any more)", "warning"),)

    def choose(self, pod: Pod | None, *, named: bool = False) -> None:
        self.pod, self.named = pod, named
        self.forget()

    def turn_to(self, view: str) -> None:
        self.at, self.search = view, ""
        self.wants_raw = False
        self.forget()

    def forget(self) -> None:
        self.reading = self.table = self.raw = self.read_at = self.error = self.question = None
        self.awaited, self.note = 0, ()

    def ask(self) -> Question | None:
        """The next question; None where there is nothing or nobody to ask."""
        self.awaited = 0
        if self.at == INTENT:
            asked = Question(INTENT, service=self.service, context=self.context)
            self.question = asked if self.matrix else None
            self.awaited = len(self.clients)
        elif self.pod is not None:
            service = None if self.everything else self.service
            self.question = Question(self.at, key_of(self.pod), service, self.context)
            self.awaited = 1
        return self.question

    def saved(self, path: str, size: int) -> None:
        amount = f"{size / 1e6:.1f} MB" if size > 1e5 else f"{size} bytes"
        self.note = (Span(f"✓ saved, {amount}, for you alone:", "ok"), span(path, "text"))


def versions(mesh: Mesh, host: str) -> tuple[str, ...]:
    """The resourceVersions of what decides where the service's requests go."""
    found = {vs.ref: vs for vs, _ in mesh.rules_by_destination.get(host, ())}
    found |= {vs.ref: vs for vs in mesh.virtual_services_by_host.get(host, ())}
    return tuple(sorted(f"{ref.uid} {vs.resource_version}" for ref, vs in found.items()))

"""The selected service's pods: ready or not, how often and why they restarted, their proxies."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.message import Message

from meshtui.errors import MeshtuiError
from meshtui.mesh.model import Pod, ServiceKey
from meshtui.mesh.pod_health import restarts
from meshtui.mesh.routing import pods_of
from meshtui.operations.types import Snapshot
from meshtui.ui.main.background import in_background
from meshtui.ui.main.snapshot_feed import unexpected
from meshtui.ui.panes.base import Pane
from meshtui.ui.panes.podstext import PodPlace, pods_lines
from meshtui.ui.widgets.paint import BLANK, Line, Span, wrapped

if TYPE_CHECKING:
    from meshtui.operations.cockpit import Cockpit
    from meshtui.operations.look.proxy_sync import MeshSync


class PodsPane(Pane):
    """The objects at once; the proxies on a slow beat, and only while it is shown."""

    kind = "pods"
    EVERY_S: ClassVar[float] = 15.0

    class Read(Message):
        """What the proxies of a service's pods said."""

        def __init__(self, service: ServiceKey, sync: MeshSync) -> None:
            super().__init__()
            self.service = service
            self.sync = sync

    class Unread(Message):
        """They could not be asked at all."""

        def __init__(self, service: ServiceKey, error: MeshtuiError) -> None:
            super().__init__()
            self.service = service
            self.error = error

    def __init__(self, cockpit: Cockpit) -> None:
        super().__init__(cockpit)
        self._snapshot: Snapshot | None = None
        self._place: tuple[ServiceKey, str] | None = None
        self._asked: frozenset[PodPlace] = frozenset()
        self._asked_at = 0.0
        self._busy = False
        self._sync: MeshSync | None = None
        self._error: MeshtuiError | None = None

    def update_body(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        if self.view is None or not self.display:
            return
        place = (self.view.key, self.version)
        if place != self._place:
            self.listing.to_top()
        self._place = place
        self._ask_if_due()
        self._show()

    def tick(self, now: float) -> None:
        super().tick(now)
        if self.display:
            self._ask_if_due()
            self._show()

    def read_again(self) -> None:
        self._asked = frozenset()
        self._ask_if_due()

    @property
    def pods(self) -> tuple[Pod, ...]:
        """Of the version under the cursor, else of the service and what its rule sends to."""
        if self.view is None or self._snapshot is None:
            return ()
        rows = [r for r in self.view.versions if not self.version or r.label == self.version]
        found = {(pod.namespace, pod.name): pod for row in rows for pod in row.members}
        if not self.version:
            own = pods_of(self._snapshot.mesh, self.view.service)
            found |= {(pod.namespace, pod.name): pod for pod in own}
        return tuple(sorted(found.values(), key=lambda pod: (pod.namespace, pod.name)))

    def _ask_if_due(self) -> None:
        """Of pods that are new at once, of the others on the beat."""
        pods = self.pods
        places = frozenset((pod.namespace, pod.name) for pod in pods if pod.sidecar)
        due = bool(places - self._asked) or self.now - self._asked_at >= self.EVERY_S
        if self.view is None or self._busy or not places or not due:
            return
        self._busy, self._asked, self._asked_at = True, places, self.now
        in_background(self, "pods", self._read, self.view.key, pods)

    async def _read(self, service: ServiceKey, pods: tuple[Pod, ...]) -> None:
        try:
            sync = await self.cockpit.mesh_sync(pods)
        except MeshtuiError as error:
            self.post_message(self.Unread(service, error))
        except Exception as error:  # noqa: BLE001 - the edge of a worker
            self.post_message(self.Unread(service, unexpected("asking the proxies", error)))
        else:
            self.post_message(self.Read(service, sync))

    def on_pods_pane_read(self, message: Read) -> None:
        self._busy, self._error = False, None
        self._sync = message.sync
        self._show()

    def on_pods_pane_unread(self, message: Unread) -> None:
        self._busy, self._error = False, message.error
        self._show()

    def title_words(self) -> tuple[Line, Line]:
        pods = self.pods
        ready = sum(pod.serving for pod in pods)
        ended = sum(restarts(pod) for pod in pods)
        role = "text" if ready == len(pods) else "warning"
        words = Span(f"{ready}/{len(pods)} ready", role)
        return (), (
            words,
            Span(f"  {ended} restart{'s' * (ended > 1)}" if ended else "", "warning"),
        )

    def _show(self) -> None:
        if self._snapshot is None or not self.is_mounted or not self.size.width:
            return
        width = self.size.width - 3
        lines = wrapped(f"✖ {self._error}", width, "error") if self._error else []
        lines += [BLANK] if lines else []
        mesh = self._snapshot.mesh
        lines += pods_lines(self.pods, mesh, self._sync, self.now, width)
        self.listing.fill(lines)
        self.update_title()

    def on_resize(self) -> None:
        super().on_resize()
        self._show()

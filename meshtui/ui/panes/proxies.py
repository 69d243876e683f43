"""What the proxies of the service's clients really route, read out of Envoy."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.message import Message

from meshtui.errors import MeshtuiError
from meshtui.mesh.model import Pod
from meshtui.mesh.quantity import human_duration
from meshtui.operations.types import Snapshot
from meshtui.ui.feed import unexpected
from meshtui.ui.paint import BLANK, Line, Span, span, wrapped
from meshtui.ui.panes.base import Pane
from meshtui.ui.panes.routetext import route_lines, routes_for

if TYPE_CHECKING:
    from meshtui.envoy.routes import ProxyRoute
    from meshtui.operations.cockpit import Cockpit


class ProxiesPane(Pane):
    """One client's proxy at a time, read again on a slow beat while it is shown."""

    kind = "proxies"
    EVERY_S: ClassVar[float] = 10.0

    class Read(Message):
        """What a pod's proxy routes."""

        def __init__(self, pod: Pod, routes: tuple[ProxyRoute, ...]) -> None:
            super().__init__()
            self.pod = pod
            self.routes = routes

    class Failed(Message):
        """A pod's proxy did not answer."""

        def __init__(self, pod: Pod, error: MeshtuiError) -> None:
            super().__init__()
            self.pod = pod
            self.error = error

    def __init__(self, cockpit: Cockpit) -> None:
        super().__init__(cockpit)
        self._clients: tuple[Pod, ...] = ()
        self._pod: Pod | None = None
        self._routes: tuple[ProxyRoute, ...] | None = None
        self._error: MeshtuiError | None = None
        self._read_at: float | None = None
        self._asked_at = 0.0

    def update_body(self, _: Snapshot) -> None:
        self._clients = self.cockpit.clients(self.view.key) if self.view else ()
        if self._place() is None:
            self._choose(self._clients[0] if self._clients else None)
        self._show()

    def _place(self) -> int | None:
        """Where the chosen pod stands among the clients, by identity."""
        if self._pod is None:
            return None
        places = [(pod.namespace, pod.name) for pod in self._clients]
        chosen = (self._pod.namespace, self._pod.name)
        return places.index(chosen) if chosen in places else None

    def do_next_proxy(self) -> None:
        self._turn(1)

    def do_previous_proxy(self) -> None:
        self._turn(-1)

    def _turn(self, by: int) -> None:
        if self._clients:
            self._choose(self._clients[((self._place() or 0) + by) % len(self._clients)])
            self._show()

    def _choose(self, pod: Pod | None) -> None:
        self._pod, self._routes, self._error, self._read_at = pod, None, None, None
        self.read_again()

    def read_again(self) -> None:
        pod = self._pod
        if pod is not None:
            self._asked_at = self.now
            self.run_worker(self._fetch(pod), group="routes", exclusive=True, exit_on_error=False)

    async def _fetch(self, pod: Pod) -> None:
        try:
            routes = await self.cockpit.routes(pod)
        except MeshtuiError as error:
            self.post_message(self.Failed(pod, error))
        except Exception as error:  # noqa: BLE001 - the edge of a worker
            self.post_message(self.Failed(pod, unexpected("reading the proxy", error)))
        else:
            self.post_message(self.Read(pod, routes))

    def on_proxies_pane_read(self, message: Read) -> None:
        if self._is_chosen(message.pod):
            self._routes, self._error, self._read_at = message.routes, None, self.now
            self._show()

    def on_proxies_pane_failed(self, message: Failed) -> None:
        if self._is_chosen(message.pod):
            self._error = message.error
            self._show()

    def _is_chosen(self, pod: Pod) -> bool:
        chosen = self._pod
        return chosen is not None and (pod.namespace, pod.name) == (chosen.namespace, chosen.name)

    def tick(self, now: float) -> None:
        super().tick(now)
        if self.display and now - self._asked_at >= self.EVERY_S:
            self.read_again()

    def title_words(self) -> tuple[Line, Line]:
        age = (Span("reading…", "muted"),) if self._pod and self._read_at is None else ()
        if self._read_at is not None:
            age = (Span(f"read {human_duration(self.now - self._read_at)} ago", "muted"),)
        return (), age

    def _show(self) -> None:
        if self.is_mounted and self.size.width:
            self.listing.fill(self._lines(self.size.width - 3))
            self.update_title()

    def _lines(self, width: int) -> list[Line]:
        if self.view is None:
            return []
        if self._pod is None:
            return wrapped("no proxy is known to send traffic to this service", width, "muted")
        lines = [self._pod_line(), BLANK]
        if self._error is not None:
            lines += wrapped(f"✖ {self._error}", width, "error")
            lines.append(BLANK)
        if self._routes is not None:
            lines += route_lines(self.view, routes_for(self.view, self._routes), self._pod, width)
        return lines

    def _pod_line(self) -> Line:
        if self._pod is None:
            return BLANK
        where = f"  {(self._place() or 0) + 1} of {len(self._clients)}  "
        kind = "gateway " if self._pod.gateway else "client "
        return (
            Span(kind, "muted"), span(self._pod.name, "strong"), Span(where, "muted"),
            Span("[ ]", "key"), Span(" others", "muted"),
        )  # fmt: skip

    def on_resize(self) -> None:
        super().on_resize()
        self._show()

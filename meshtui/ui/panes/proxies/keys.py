"""The keys and words of the proxies pane: which view, which proxy, and searching in it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partialmethod

from meshtui.errors import NotFound, Usage
from meshtui.mesh.model import Pod
from meshtui.ui.panes.base import Pane
from meshtui.ui.panes.proxies.body import ProxyBody
from meshtui.ui.panes.proxies.matrix import owner_of
from meshtui.ui.panes.proxies.requests import Asking
from meshtui.ui.panes.proxies.state import INTENT, VIEWS, ProxyState
from meshtui.ui.widgets.paint import span

SIDEWAYS = 16
"""Cells of one step to the side."""


class ProxyKeys(Pane):
    """Changes what is wanted; the pane asks for it and shows it."""

    state: ProxyState
    asking: Asking

    def make_body(self) -> ProxyBody:
        return ProxyBody(classes="pane-body")

    @property
    def lines(self) -> ProxyBody:
        assert isinstance(self.body, ProxyBody)  # noqa: S101 - made by make_body
        return self.body

    def show(self) -> None:
        raise NotImplementedError

    # Moving

    def move(self, by: int) -> None:
        self.state.moved, self.state.note = True, ()
        super().move(by)
        self.show()

    def to_top(self) -> None:
        super().to_top()
        self.show()

    def to_end(self) -> None:
        super().to_end()
        self.show()

    def sideways(self, by: int) -> None:
        super().sideways(by)
        self.show()

    def do_columns_right(self) -> None:
        self.sideways(SIDEWAYS)

    def do_columns_left(self) -> None:
        self.sideways(-SIDEWAYS)

    # Views and proxies

    def turn_to(self, view: str) -> None:
        """Another view; in the first the cursor is on the proxy that was shown."""
        if view == self.state.at:
            self.state.wants_raw = False
        else:
            self._take_picked()
            self.state.turn_to(view)
            self.state.moved = True
            self.lines.picked = owner_of(self.state.pod) if self.state.pod else ""
        self._from_the_top()
        self.read_again()

    do_view_intent = partialmethod(turn_to, VIEWS[0])
    do_view_routes = partialmethod(turn_to, VIEWS[1])
    do_view_clusters = partialmethod(turn_to, VIEWS[2])
    do_view_endpoints = partialmethod(turn_to, VIEWS[3])
    do_view_listeners = partialmethod(turn_to, VIEWS[4])

    def _take_picked(self) -> None:
        """The proxy under the cursor of the first view is the one of the others."""
        if self.state.at == INTENT:
            pods = (pod for pod in self.state.clients if owner_of(pod) == self.lines.picked)
            found = next(pods, None)
            if found is not None:
                self.state.pod, self.state.named = found, False

    def _from_the_top(self) -> None:
        self.lines.marked = -1
        self.lines.jump(x=0, y=0)

    def do_open_proxy(self) -> None:
        if self.state.wants_raw:
            self.do_next_match()
        elif self.state.at == INTENT:
            self.turn_to(VIEWS[1])

    def do_next_proxy(self) -> None:
        self._turn(1)

    def do_previous_proxy(self) -> None:
        self._turn(-1)

    def _turn(self, by: int) -> None:
        clients, state = self.state.clients, self.state
        if state.at == INTENT:
            self.move(by)
        elif clients:
            place = state.place
            state.choose(clients[(place + by) % len(clients) if place >= 0 else 0])
            self._from_the_top()
            self.read_again()

    def do_everything(self) -> None:
        if self.state.at != INTENT:
            self.state.everything = not self.state.everything
            self.state.forget()
            self._from_the_top()
            self.read_again()

    def do_save_dump(self) -> None:
        """Of the proxy that is shown, or under the cursor."""
        self._take_picked()
        if self.state.pod is not None:
            self.state.note = (span(f"reading all that {self.state.pod.name} has…", "muted"),)
            self.asking.dump(self.state.pod)
            self.show()

    # Raw JSON, searched

    def do_raw_proxy(self) -> None:
        state = self.state
        if state.at == INTENT:
            self.turn_to(VIEWS[1])
        state.wants_raw, state.raw, state.search = not state.wants_raw, None, ""
        state.note = ()
        self._from_the_top()
        if state.wants_raw and state.reading is not None:
            self.asking.raw(state.reading)
        self.show()

    def back(self) -> bool:
        """Out of the raw JSON, to what it says."""
        raw = self.state.wants_raw
        if raw:
            self.do_raw_proxy()
        return raw

    @property
    def search_text(self) -> str | None:
        return self.state.search

    def search(self, text: str) -> None:
        state = self.state
        state.search, state.note = text, ()
        if state.wants_raw and state.raw is not None:
            state.raw = state.raw.searched(text)
            self.lines.mark(state.raw.next(max(self.lines.marked, 0) - 1, 1))
        self.show()

    def do_next_match(self) -> None:
        self._to_match(1)

    def do_match_before(self) -> None:
        self._to_match(-1)

    def _to_match(self, by: int) -> None:
        raw = self.state.raw
        if self.state.wants_raw and raw is not None:
            self.lines.mark(raw.next(self.lines.marked, by))
            self.show()

    # Words

    def command(self, words: Sequence[str]) -> None:
        """`:proxies POD [VIEW]`: any proxy of the mesh."""
        name, view = words[0], words[1] if len(words) > 1 else VIEWS[1]
        if len(words) > 2 or view not in VIEWS[1:]:
            raise Usage(f"proxies takes POD and one of {', '.join(VIEWS[1:])}")
        pod = self._find(name)
        self.state.turn_to(view)
        self.state.choose(pod, named=True)
        if self.state.service is not None:
            self._from_the_top()
            self.read_again()

    def _find(self, name: str) -> Pod:
        """Near the service first, then wherever it is."""
        near = self.view.key.namespace if self.view else self.cockpit.namespace
        proxies = self.cockpit.proxies
        try:
            return proxies.find(name, near)
        except NotFound:
            return proxies.find(name, "")

"""Keys in the order in which they were typed, however fast they arrive."""

from __future__ import annotations

from collections import deque

from textual.app import App
from textual.dom import DOMNode
from textual.events import Event, Key

REMEMBERED = 256
"""Keys that are on their way through the widgets at one time, at most."""


class KeyStream(App[int]):
    """Textual sends a key to what has the focus when it is read, and acts on it some steps later.

    Over a slow line keys come in bursts. When a key before has opened or closed something by then,
    this one was meant for that: it is read again.
    """

    def __init__(self) -> None:
        super().__init__()
        self._sent: deque[tuple[Key, DOMNode]] = deque(maxlen=REMEMBERED)

    async def on_event(self, event: Event) -> None:
        if isinstance(event, Key) and not event.is_forwarded:
            self._sent.append((event, self._in_focus))
        await super().on_event(event)

    async def _on_key(self, event: Key) -> None:
        """A key that no widget took: it comes back here."""
        target = next((node for sent, node in self._sent if sent is event), None)
        if target is not None and target is not self._in_focus:
            event.prevent_default()
            event.stop()
            self.post_message(Key(event.key, event.character).set_sender(self))

    @property
    def _in_focus(self) -> DOMNode:
        return self.focused or self.screen

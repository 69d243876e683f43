"""Keys in the order in which they were typed, however fast they arrive."""

from __future__ import annotations

from collections import deque

from textual.app import App
from textual.dom import DOMNode
from textual.events import Event, Key
from textual.keys import _character_to_key

REMEMBERED = 256
"""Keys that are on their way through the widgets at one time, at most."""


class KeyStream(App[int]):
    """Textual sends a key to what has the focus when it is read, and acts on it some steps later.

    Over a slow line keys come in bursts. When a key before has opened or closed something by then,
    this one was meant for that: it is read again. A terminal tells Esc and a letter in one burst
    like the letter with Alt, which means nothing here.
    """

    def __init__(self) -> None:
        super().__init__()
        self._sent: deque[tuple[Key, DOMNode]] = deque(maxlen=REMEMBERED)

    async def on_event(self, event: Event) -> None:
        if isinstance(event, Key) and not event.is_forwarded:
            if event.key.startswith("alt+") and event.character:
                self._read("escape", None)
                self._read(_character_to_key(event.character), event.character)
                return
            self._sent.append((event, self._in_focus))
        await super().on_event(event)

    def _read(self, key: str, character: str | None) -> None:
        self.post_message(Key(key, character).set_sender(self))

    async def _on_key(self, event: Key) -> None:
        """A key that no widget took: it comes back here."""
        target = next((node for sent, node in self._sent if sent is event), None)
        if target is not None and target is not self._in_focus:
            event.prevent_default()
            event.stop()
            self._read(event.key, event.character)

    @property
    def _in_focus(self) -> DOMNode:
        return self.focused or self.screen

"""Keys in the order in which they were typed, however fast they arrive."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from textual.dom import DOMNode
from textual.events import Key
from textual.keys import _character_to_key

REMEMBERED = 256
"""Keys that are on their way through the widgets at one time, at most."""


class KeyOrder:
    """Textual sends a key to what has the focus when it is read, and acts on it some steps later.

    Over a slow line keys come in bursts. When a key before has opened or closed something by then,
    this one was meant for that: it is read again. A terminal tells Esc and a letter in one burst
    like the letter with Alt, which means nothing here.

    `in_focus` is what has the focus now; `read` has a key, and its character, read by the program.
    """

    def __init__(
        self, in_focus: Callable[[], DOMNode], read: Callable[[str, str | None], None]
    ) -> None:
        self._in_focus = in_focus
        self._read = read
        self._sent: deque[tuple[Key, DOMNode]] = deque(maxlen=REMEMBERED)

    def splits(self, event: Key) -> bool:
        """True where the key was two, which are read one after the other in its place."""
        if not (event.key.startswith("alt+") and event.character):
            return False
        self._read("escape", None)
        self._read(_character_to_key(event.character), event.character)
        return True

    def sent(self, event: Key) -> None:
        """The key is on its way to what has the focus."""
        self._sent.append((event, self._in_focus()))

    def untaken(self, event: Key) -> None:
        """No widget took the key: it is read again where the focus has moved meanwhile."""
        target = next((node for sent, node in self._sent if sent is event), None)
        if target is not None and target is not self._in_focus():
            event.prevent_default()
            event.stop()
            self._read(event.key, event.character)

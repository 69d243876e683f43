"""Keys in the order in which they were typed, however fast they arrive."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

from textual.dom import DOMNode
from textual.events import Key
from textual.keys import _character_to_key

from meshtui.ui.actions.situation import PROMPTING

PATIENCE_S = 0.3
"""How long the prompt waits for keys that were typed before it."""

REMEMBERED = 256
"""Keys that are on their way through the widgets at one time, at most."""


class KeyOrder:
    """Textual sends a key to what has the focus when it is read, and acts on it some steps later.

    Over a slow line keys come in bursts. When a key before has opened or closed something by then,
    this one was meant for that: it is read again. A terminal tells Esc and a letter in one burst
    like the letter with Alt, which means nothing here.

    A key that opens the prompt is acted on at once. It waits, and what is typed behind it, while
    keys before it are on their way: one of them may open the pane that is to be searched.

    A form has its first field in focus only some time after it was opened: keys wait for that.

    `in_focus` is what has the focus now, `opening` whether a form waits for it; `read` has a key,
    and its character, read by the program; `later` calls something after some seconds.
    """

    def __init__(
        self,
        in_focus: Callable[[], DOMNode],
        read: Callable[[str, str | None], None],
        later: Callable[[float, Callable[[], None]], object],
        opening: Callable[[], bool] = lambda: False,
    ) -> None:
        self._in_focus = in_focus
        self._read = read
        self._later = later
        self._opening = opening
        self._sent: deque[tuple[Key, DOMNode]] = deque(maxlen=REMEMBERED)
        self._under_way: dict[int, float] = {}
        self._waiting: list[Key] = []
        self._returned = 0
        """So many of them are read a second time."""

    def splits(self, event: Key) -> bool:
        """True where the key was two, which are read one after the other in its place."""
        if not (event.key.startswith("alt+") and event.character):
            return False
        self._read("escape", None)
        self._read(_character_to_key(event.character), event.character)
        return True

    def waits(self, event: Key) -> bool:
        """True where the key is read again once those before it were acted on."""
        if not self._waiting:
            self._forget_taken()
            prompts = event.key in PROMPTING and bool(self._under_way)
            if not prompts and not self._opening():
                return False
            self._later(PATIENCE_S, self._go_on)
        self._waiting.append(event)
        return True

    def _forget_taken(self) -> None:
        """A key that a widget took never comes back."""
        old = time.monotonic() - PATIENCE_S
        self._under_way = {key: at for key, at in self._under_way.items() if at > old}

    def _go_on(self) -> None:
        self._under_way.clear()
        self._returned = 0
        waiting, self._waiting = self._waiting, []
        for event in waiting:
            self._read(event.key, event.character)

    def focused(self) -> None:
        """What was opening has its focus."""
        if self._waiting and not self._opening():
            self._go_on()

    def sent(self, event: Key) -> None:
        """The key is on its way to what has the focus."""
        from textual.widgets import Input

        target = self._in_focus()
        self._sent.append((event, target))
        if not isinstance(target, Input) and event.key not in PROMPTING:
            self._under_way[id(event)] = time.monotonic()

    def untaken(self, event: Key) -> None:
        """No widget took the key: it is read again where the focus has moved meanwhile."""
        self._under_way.pop(id(event), None)
        target = next((node for sent, node in self._sent if sent is event), None)
        moved = target is not None and target is not self._in_focus()
        if moved:
            event.prevent_default()
            event.stop()
            if self._opening():
                # It was typed before those that wait already.
                self._waiting.insert(self._returned, event)
                self._returned += 1
                self._later(PATIENCE_S, self._go_on)
                return
        if self._waiting and not self._under_way:
            self._go_on()
        if moved:
            self._read(event.key, event.character)

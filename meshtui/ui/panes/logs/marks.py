"""The letters and colours of pods, for as long as the program runs."""

from __future__ import annotations

from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from meshtui.envoy.logmarks import PodMarks

if TYPE_CHECKING:
    from meshtui.operations.cockpit import Cockpit

_MARKS: WeakKeyDictionary[Cockpit, PodMarks] = WeakKeyDictionary()


def marks_of(cockpit: Cockpit) -> PodMarks:
    """Of a session; a pane that is opened again goes on with them."""
    return _MARKS.setdefault(cockpit, PodMarks())

"""What a newcomer is told on the first frame."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class Greeting(NamedTuple):
    """The texts, and the same for a screen without room for them."""

    whole: Sequence[str] = ()
    brief: Sequence[str] = ()


NO_GREETING = Greeting()

"""Work beside the screen: it posts messages, and never ends the program."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, ParamSpec

from textual.dom import DOMNode

P = ParamSpec("P")


def in_background(
    node: DOMNode,
    group: str,
    work: Callable[P, Coroutine[Any, Any, None]],
    *words: P.args,
    **more: P.kwargs,
) -> None:
    """Begin `work`, in place of what its `group` still does for the node.

    The coroutine is made when the worker begins: one that is cancelled before leaves none behind.
    """
    begin: Callable[[], Any] = partial(work, *words, **more)
    node.run_worker(begin, group=group, exclusive=True, exit_on_error=False)

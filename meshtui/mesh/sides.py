"""Which side of the traffic is looked at: what callers saw, or what the servers did."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshtui.mesh.changed import changed
from meshtui.mesh.side_names import CALLER as CALLER
from meshtui.mesh.side_names import SERVER as SERVER

if TYPE_CHECKING:
    from meshtui.mesh.signals import Signals
    from meshtui.mesh.versions import VersionView
    from meshtui.mesh.view import ServiceView

SIDES = (CALLER, SERVER)


def signals_of(row: ServiceView | VersionView, side: str) -> Signals | None:
    return row.caller if side == CALLER else row.server


def state_of(row: ServiceView | VersionView, side: str) -> str:
    return row.state if side == CALLER else row.server_state


def seen_from(view: ServiceView, side: str) -> ServiceView:
    """The view for what shows one side only: `caller` and `state` are those of `side`.

    Weights, shares and pods are of no side and stay.
    """
    if side == CALLER:
        return view
    rows = tuple(
        changed(row, caller=signals_of(row, side), state=state_of(row, side), leaving=None)
        for row in view.versions
    )
    seen, state = signals_of(view, side), state_of(view, side)
    return changed(view, versions=rows, caller=seen, state=state, leaving=None)

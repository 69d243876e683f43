"""Whom a load comes from, and what is sent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshtui.dataclass import dataclass
from meshtui.operations.request.load_ways import BY_PYTHON, Way

if TYPE_CHECKING:
    from meshtui.mesh.model import Pod
    from meshtui.operations.look.trace import ProxyTrace
    from meshtui.operations.request.tools import Outgoing


@dataclass(frozen=True, slots=True)
class LoadTarget:
    """Whom the load comes from, what is sent and how; `traced` is where the objects send it."""

    pod: Pod
    container: str
    outgoing: Outgoing
    traced: ProxyTrace
    way: Way = BY_PYTHON

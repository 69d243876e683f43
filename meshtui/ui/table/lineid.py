"""Which line: a service or one of its versions, whatever its number is at the moment."""

from __future__ import annotations

from typing import NamedTuple

from meshtui.mesh.model import ServiceKey


class LineId(NamedTuple):
    """A service's line, or with `version` (its label) the line of a version."""

    service: ServiceKey
    version: str = ""

"""How a document begins that rests on one reading of telemetry."""

from __future__ import annotations

from typing import Any

from meshtui.cli.documents.times import iso
from meshtui.mesh.signals import Sample


def measured_json(time: float, sample: Sample | None) -> dict[str, Any]:
    """When, by which source, and how much of it was read; null where nothing was."""
    return {
        "time": iso(time),
        "source": sample.source if sample else None,
        "window_s": round(sample.window_s, 3) if sample else None,
        "proxies_read": sample.read if sample else None,
        "proxies_failed": sample.failed if sample else None,
        "problems": list(sample.problems) if sample else [],
    }

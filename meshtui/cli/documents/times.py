"""Times as the contract's JSON has them."""

from __future__ import annotations

from datetime import UTC, datetime


def iso(time: float) -> str:
    """Seconds since the epoch as RFC 3339 in UTC."""
    return (
        datetime.fromtimestamp(time, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    )

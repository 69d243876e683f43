"""Which response codes are failures; in one place, as telemetry, logs and panes all ask."""

from __future__ import annotations

NO_ANSWER = "0"
"""What telemetry writes for a request that got none."""


def failed(code: int) -> bool:
    """True of a server's error, and of a request that got no answer (0)."""
    return code == 0 or code >= 500


def failed_label(code: str) -> bool:
    """The same of a code as telemetry's label has it."""
    return code == NO_ANSWER or (len(code) == 3 and code[0] == "5")

"""Which response codes are failures; in one place, as telemetry, logs and panes all ask."""

from __future__ import annotations


def failed(code: int) -> bool:
    """True of a server's error, and of a request that got no answer (0)."""
    return code == 0 or code >= 500


def failed_label(code: str) -> bool:
    """The same of a code as telemetry's label has it."""
    return code == "0" or (len(code) == 3 and code[0] == "5")

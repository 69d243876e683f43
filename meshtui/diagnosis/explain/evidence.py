"""What was read beside telemetry of a service's errors: access logs, and istiod's counts."""

from __future__ import annotations

from collections import Counter

from meshtui.dataclass import dataclass


@dataclass(frozen=True, slots=True)
class LoggedAnswer:
    """Answers of a kind. `side` is whose proxy logged them, `details` Envoy's words for why.

    `pod` (namespace, name) is what answered, or was to; None where none was chosen. `policy` is
    the AuthorizationPolicy that denied (namespace, name) and the number of its rule; `denied`:
    a filter of the proxy turned the caller away. `code` 0 is no answer.
    """

    side: str
    code: int
    flags: tuple[str, ...]
    details: str
    meaning: str = ""
    pod: tuple[str, str] | None = None
    policy: tuple[str, str, int] | None = None
    denied: bool = False


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was read beside telemetry. `logged` counts answers that were no success.

    `refused` are sentences about configurations that proxies refuse; `troubles` say which log
    could not be read.
    """

    logged: Counter[LoggedAnswer] | None = None
    refused: tuple[str, ...] = ()
    troubles: tuple[str, ...] = ()

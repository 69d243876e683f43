"""What the proxies' answers come to: one verdict, doubts in words, and counts."""

from __future__ import annotations

from typing import Any

from meshtui.changes.outcome import GONE, NOT_MEANT, WITHOUT, Outcome, ProxyVerdict


def verdict_of(proxies: tuple[ProxyVerdict, ...]) -> bool | None:
    """True where every proxy that it is for serves it; None where none could be asked.

    A change that is for none of the clients is served by nobody, unless their pods are gone.
    """
    asked = [proxy for proxy in proxies if proxy.state not in (NOT_MEANT, WITHOUT, GONE)]
    if not asked and any(proxy.state == GONE for proxy in proxies):
        return None
    if not proxies or (asked and all(proxy.state == "out of reach" for proxy in asked)):
        return None
    return bool(asked) and all(proxy.state == "in sync" for proxy in asked)


def doubts(proxies: tuple[ProxyVerdict, ...], known: bool, left_out: int) -> tuple[str, ...]:
    """What a person should know of the proxies, a line each."""
    found = [
        f"{p.namespace}/{p.pod} is {p.state}{': ' + p.detail if p.detail else ''}"
        for p in proxies
        if p.state != "in sync" or p.detail
    ]
    if not known and proxies:
        found.append("telemetry names no client of the service: any proxy that has the rule counts")
    if left_out:
        found.append(f"{left_out} more client proxies were not asked")
    return tuple(found)


def counts_of(outcome: Outcome) -> dict[str, Any]:
    """The same for the journal."""
    return {
        "checked": outcome.checked,
        "in_sync": outcome.in_sync,
        "seconds": round(outcome.seconds, 3),
    }

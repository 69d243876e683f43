"""A request from the values of a verb, whoever typed them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from meshtui.changes.breaker_fields import FIELDS
from meshtui.changes.change import (
    ClearBreaker,
    ClearFault,
    ClearMirror,
    ClearTimeout,
    Promote,
    Request,
    Rollback,
    SetBreaker,
    SetFault,
    SetMirror,
    SetTimeout,
    Shift,
)
from meshtui.errors import Usage

Values = Mapping[str, Any]
"""The values of a verb's parameters by their attribute; see `meshtui.verbs`."""


def request_of(verb: str, values: Values) -> Request:
    """What is asked of the mesh. Raises `Usage` where the values do not go together."""
    return _MAKERS[verb](values)


def _shift(values: Values) -> Request:
    weights = dict(values["weights"])
    if len(weights) < len(values["weights"]):
        raise Usage("a version is named twice")
    return Shift(weights)


def _promote(values: Values) -> Request:
    return Promote(values["version"])


def _rollback(values: Values) -> Request:
    named = values["to"]
    why = "named by the operator" if named else ""
    return Rollback(named, why, everywhere=values["everywhere"])


def _mirror(values: Values) -> Request:
    if values["off"]:
        return ClearMirror(values["to"])
    if not values["to"]:
        raise Usage("say which version gets the copies", "as in mirror --to v2, or --off")
    return SetMirror(values["to"], values["percent"], values["for"])


def _fault(values: Values) -> Request:
    if values["off"]:
        _refuse_beside_off(values, "delay", "abort")
        return ClearFault(values["header"])
    abort = values["abort"]
    if values["delay"] is None and abort is None:
        raise Usage("a fault needs a delay or an abort", "as in delay 3s or abort 503")
    return SetFault(
        delay_s=values["delay"],
        delay_percent=values["delay_percent"],
        abort_http=abort if isinstance(abort, int) else None,
        abort_grpc=abort if isinstance(abort, str) else None,
        abort_percent=values["abort_percent"],
        header=values["header"],
        expires_s=values["for"],
    )


def _timeout(values: Values) -> Request:
    names = ("duration", "retries", "per_try", "retry_on")
    if values["off"]:
        _refuse_beside_off(values, *names)
        return ClearTimeout()
    if all(values[name] is None for name in names):
        raise Usage("say a timeout or retries", "as in timeout 10s retries 3")
    return SetTimeout(*(values[name] for name in names))


def _breaker(values: Values) -> Request:
    if values["off"]:
        _refuse_beside_off(values, *FIELDS)
        return ClearBreaker(values["subset"])
    limits = {name: values[name] for name in FIELDS if values[name] is not None}
    if not limits:
        raise Usage("say a limit", "as in max-connections 100 or consecutive-5xx 5")
    return SetBreaker(values["subset"], limits)


def _refuse_beside_off(values: Values, *names: str) -> None:
    given = [name.replace("_", "-") for name in names if values[name] is not None]
    if given:
        raise Usage(f"off takes it away: leave out {', '.join(given)}")


_MAKERS: Mapping[str, Callable[[Values], Request]] = {
    "shift": _shift,
    "promote": _promote,
    "rollback": _rollback,
    "mirror": _mirror,
    "fault": _fault,
    "timeout": _timeout,
    "breaker": _breaker,
}

"""Words as requests: what is typed after `:` and in the fields of a form means the same."""

from __future__ import annotations

from collections.abc import Sequence

from meshtui.changes.breaker_ops import FIELDS
from meshtui.changes.change import (
    ClearBreaker,
    ClearFault,
    ClearMirror,
    ClearTimeout,
    PolicyRequest,
    RuleRequest,
    SetBreaker,
    SetFault,
    SetMirror,
    SetTimeout,
    Shift,
)
from meshtui.errors import Usage
from meshtui.mesh.quantity import percentage, seconds

DURATIONS = ("interval", "base_ejection")
"""The limits of a breaker that are times."""

OFF = ["off"]


def rule_of(words: Sequence[str]) -> tuple[list[str], str]:
    """The words without `rule NAME` at their end, and the rule's name or index."""
    if len(words) >= 2 and words[-2] == "rule":
        return list(words[:-2]), words[-1]
    return list(words), ""


def shift(words: Sequence[str]) -> Shift:
    weights: dict[str, float] = {}
    for word in words:
        label, sign, value = word.rpartition("=")
        weight = percentage(value)
        if not sign or not label or weight is None:
            raise Usage(f"{word} is no weight", "write version=percent, as in v1=80 v3=20")
        weights[label] = weight
    if not weights:
        raise Usage("shift wants weights", "write :shift v1=80 v3=20")
    return Shift(weights)


def mirror(words: Sequence[str]) -> RuleRequest:
    if list(words) == OFF:
        return ClearMirror()
    rest, expires = _for(words, None)
    if not 0 < len(rest) <= 2:
        raise Usage("mirror takes a version and a percentage", "as in :mirror v2 50%")
    return SetMirror(rest[0], percent_of(rest[1]) if rest[1:] else 100.0, expires)


def fault(words: Sequence[str]) -> RuleRequest:
    if list(words) == OFF:
        return ClearFault()
    rest, expires = _for(words, 900.0)
    delay: tuple[float, float] | None = None
    abort: tuple[int, float] | None = None
    header: tuple[str, str] | None = None
    if rest[:1] == OFF and rest[1:2] == ["header"] and len(rest) == 3:
        return ClearFault(header_of(rest[2]))
    while rest:
        kind = rest.pop(0)
        if kind == "delay":
            delay = delay_of(_next(rest, "delay wants a time")), _optional_percent(rest)
        elif kind == "abort":
            abort = code_of(_next(rest, "abort wants a status code")), _optional_percent(rest)
        elif kind == "header":
            header = header_of(_next(rest, "header wants name=value"))
        else:
            raise Usage(f"{kind} is no part of a fault", "write delay 3s 50%, abort 503 10%, off")
    return fault_request(delay, abort, header, expires)


def fault_request(
    delay: tuple[float, float] | None,
    abort: tuple[int, float] | None,
    header: tuple[str, str] | None,
    expires: float | None,
) -> SetFault:
    """The request for parts that are (seconds, percent) and (status, percent)."""
    if delay is None and abort is None:
        raise Usage("a fault needs a delay or an abort", "as in delay 3s 50%")
    return SetFault(
        delay_s=delay[0] if delay else None,
        delay_percent=delay[1] if delay else 100.0,
        abort_http=abort[0] if abort else None,
        abort_percent=abort[1] if abort else 100.0,
        header=header,
        expires_s=expires,
    )


def timeout(words: Sequence[str]) -> RuleRequest:
    """`10s retries 3 per-try 3s on 5xx`, each part of which may be left out."""
    if list(words) == OFF:
        return ClearTimeout()
    rest, given = list(words), {"timeout": "", "retries": "", "per-try": "", "on": ""}
    if rest and rest[0] not in given:
        given["timeout"] = rest.pop(0)
    while rest:
        name = rest.pop(0)
        if name not in given or name == "timeout":
            raise Usage(
                f"{name} is no part of a timeout", "write 10s retries 3 per-try 3s on 5xx, or off"
            )
        given[name] = _next(rest, f"{name} wants a value")
    return timeout_request(given["timeout"], given["retries"], given["per-try"], given["on"])


def timeout_request(limit: str, retries: str, per_try: str, on: str) -> RuleRequest:
    """What is empty stays as it is; `off` in place of the limit takes all of it off."""
    if limit == "off":
        return ClearTimeout()
    if not (limit or retries or per_try or on):
        raise Usage("say a timeout or retries", "as in 10s retries 3 per-try 3s, or off")
    return SetTimeout(
        timeout_s=delay_of(limit) if limit else None,
        attempts=whole(retries) if retries else None,
        per_try_s=delay_of(per_try) if per_try else None,
        retry_on=on or None,
    )


def breaker(words: Sequence[str]) -> PolicyRequest:
    """`[subset v3] max-connections 100 consecutive-5xx 5 …`, or `off`."""
    rest, subset = list(words), ""
    if rest[:1] == ["subset"]:
        rest.pop(0)
        subset = _next(rest, "subset wants a name")
    if rest == OFF:
        return ClearBreaker(subset)
    values: dict[str, str] = {}
    while rest:
        name = rest.pop(0)
        values[name.replace("-", "_")] = _next(rest, f"{name} wants a value")
    return breaker_request(subset, values)


def breaker_request(subset: str, values: dict[str, str]) -> SetBreaker:
    """The limits by name, empty ones left as they are."""
    known = ", ".join(name.replace("_", "-") for name in FIELDS)
    unknown = next((name for name in values if name not in FIELDS), "")
    if unknown:
        raise Usage(f"{unknown.replace('_', '-')} is no limit of a breaker", f"there are {known}")
    given = {name: value for name, value in values.items() if value}
    if not given:
        raise Usage("say a limit", "as in max-connections 100 or consecutive-5xx 5, or off")
    return SetBreaker(subset, {name: _limit(name, value) for name, value in given.items()})


def _limit(name: str, value: str) -> int | str:
    if name not in DURATIONS:
        return whole(value)
    delay_of(value)
    return value


def whole(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or int(text) > 2_147_483_647:
        raise Usage(f"{text} is no whole number")
    return int(text)


def delay_of(text: str) -> float:
    value = seconds(text)
    if not value:
        raise Usage(f"{text} is no time", "write 3s or 200ms")
    return value


def code_of(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 200 <= int(text) <= 599):
        raise Usage(f"{text} is no HTTP status", "write a number from 200 to 599")
    return int(text)


def header_of(text: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not name or not sign:
        raise Usage(f"{text} is no header", "write name=value")
    return name, value


def expiry_of(text: str) -> float | None:
    """How long it is to last; None for without end."""
    if text == "none":
        return None
    value = seconds(text)
    if not value:
        raise Usage(f"{text} is no time", "write 15m, 2h or none")
    return value


def percent_of(text: str) -> float:
    value = percentage(text)
    if value is None:
        raise Usage(f"{text or 'nothing'} is no percentage", "write a number from 0 to 100")
    return value


def _for(words: Sequence[str], default: float | None) -> tuple[list[str], float | None]:
    """The words without `for TIME`, and the time."""
    rest = list(words)
    if "for" not in rest:
        return rest, default
    place = rest.index("for")
    if place != len(rest) - 2:
        raise Usage("for wants a time, at the end", "write for 15m or for none")
    return rest[:place], expiry_of(rest[-1])


def _optional_percent(words: list[str]) -> float:
    if words and words[0][:1].isdigit():
        return percent_of(words.pop(0))
    return 100.0


def _next(words: list[str], missing: str) -> str:
    if not words:
        raise Usage(missing)
    return words.pop(0)

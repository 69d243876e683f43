"""The plan of a run: what a person asked for, checked before anything is written."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import field, fields, replace
from enum import Enum
from itertools import pairwise
from typing import Any

import yaml

from meshtui.canary.tally import Limits
from meshtui.dataclass import dataclass
from meshtui.errors import MeshtuiError, Refused, Usage
from meshtui.verbs.canary_verbs import PLAN
from meshtui.verbs.values import duration, percent

STEPS = (5.0, 10.0, 25.0, 50.0, 75.0, 100.0)


class Choice(Enum):
    """What to do where a verdict leaves it to the person."""

    ROLLBACK = "rollback"
    HOLD = "hold"
    CONTINUE = "continue"


@dataclass(frozen=True, slots=True)
class Plan:
    """One canary: `version` of `service` climbs `steps` (percent), `every_s` seconds on each.

    Counts are taken every `interval_s` seconds, or as often as the telemetry has new ones. `rule`
    chooses one of several rules.
    `shadow_s` seconds of mirrored copies come first where that is above 0. A person is asked before
    each step of `pause_at`; `gate` is a command that must exit with 0 within `gate_s` seconds
    before each step. `patience` is how many times `every_s` a step may last for want of requests.
    """

    service: str
    version: str
    steps: tuple[float, ...] = STEPS
    every_s: float = 300.0
    limits: Limits = field(default_factory=Limits)
    shadow_s: float = 0.0
    pause_at: frozenset[float] = frozenset()
    gate: str = ""
    gate_s: float = 60.0
    on_fail: Choice = Choice.ROLLBACK
    on_no_data: Choice = Choice.HOLD
    on_interrupt: Choice = Choice.HOLD
    restart_on_new_build: bool = False
    patience: float = 2.0
    interval_s: float = 5.0
    rule: str = ""


def plan_of(raw: Mapping[str, Any]) -> Plan:
    """A plan from the keys of a file or a command. Raises `Usage` naming the key that is wrong."""
    unknown = [str(key) for key in raw if key not in _READ]
    if unknown:
        raise Usage(f"a canary plan has no key {unknown[0]!r}", f"there are: {', '.join(_READ)}")
    for key in ("service", "to"):
        if key not in raw:
            raise Usage(f"a canary plan needs {key!r}")
    values: dict[str, Any] = {}
    limits: dict[str, Any] = {}
    for key, value in raw.items():
        name, read = _READ[key]
        (limits if key in _LIMITS else values)[name] = _value(key, value, read)
    plan = Plan(**values, limits=Limits(**limits))
    if "interval" not in raw:
        plan = replace(plan, interval_s=min(plan.interval_s, max(plan.every_s / 4, 0.5)))
    _check(plan)
    return plan


def plans_of(
    values: Mapping[str, Any], read_file: Callable[[str], str], ladder: str = ""
) -> tuple[Plan, ...]:
    """The plans of what was given to `canary run`: of its file, or the one of its options.

    `values` are by the parameters' attributes; `read_file` gives a file's text; `ladder` are the
    steps of a plan that names none, empty for the usual ones. Raises `Usage`.
    """
    usual = {"steps": ladder} if ladder else {}
    given = given_of(values)
    service, file = values.get("service"), values.get("plan")
    if file:
        if service or given:
            raise Usage("what --plan FILE says stands there: give no other options of a plan")
        return read_plans(read_file(file), usual)
    if not service:
        raise Usage("name a service, or give --plan FILE")
    if "to" not in given:
        raise Usage("name the canary with --to V")
    return (plan_of({**usual, "service": service, **given}),)


def given_of(values: Mapping[str, Any]) -> dict[str, Any]:
    """The keys of a plan that were given, beside its service."""
    given = {
        parameter.name: values[parameter.attribute]
        for parameter in PLAN
        if values.get(parameter.attribute) not in (None, "")
    }
    if values.get("restart_on_new_build"):
        given["restart-on-new-build"] = True
    if rule := values.get("rule"):
        given["rule"] = rule
    return given


def from_where_it_is(plan: Plan, percent: float) -> Plan:
    """A canary that has some traffic already climbs on from there.

    Raises `Refused` where it has more than the last step.
    """
    steps = tuple(step for step in plan.steps if not _is_behind(step, percent))
    if not steps:
        raise Refused(f"the canary has {percent:g} % already, more than the last step")
    found = replace(plan, steps=steps, pause_at=plan.pause_at & frozenset(steps))
    return replace(found, shadow_s=0.0) if percent > 0 else found


def _is_behind(step: float, percent: float) -> bool:
    return step < percent - 0.01


def left_out(plan: Plan, percent: float) -> str:
    """The steps that `from_where_it_is` leaves out, in words; empty where it leaves out none."""
    steps = tuple(step for step in plan.steps if _is_behind(step, percent))
    if not steps:
        return ""
    which = "step" if len(steps) == 1 else "steps"
    pause = ", and so is asking there" if plan.pause_at & frozenset(steps) else ""
    verb = "is" if len(steps) == 1 else "are"
    return f"the canary has {percent:g} % already: {which} {_list(steps)} {verb} left out{pause}"


def read_plans(text: str, usual: Mapping[str, Any] | None = None) -> tuple[Plan, ...]:
    """The plans of a YAML file: one, or a list of them, each of another service.

    `usual` are keys of those that do not have them.
    """
    try:
        raw = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise Usage(f"the canary plan is not YAML ({' '.join(str(error).split())})") from error
    several = raw if isinstance(raw, list) else [raw]
    if not several or not all(isinstance(one, dict) for one in several):
        raise Usage("a canary plan is keys and values, or a list of such plans")
    plans = tuple(plan_of({**(usual or {}), **one}) for one in several)
    services = [plan.service for plan in plans]
    twice = next((name for name in services if services.count(name) > 1), None)
    if twice is not None:
        raise Usage(f"two canary plans for {twice}", "one service has one canary at a time")
    return plans


def _value(key: str, value: Any, read: Any) -> Any:
    try:
        return read(value)
    except MeshtuiError as error:
        raise Usage(f"{key}: {error.what}", error.hint) from error
    except (TypeError, ValueError, AttributeError) as error:
        raise Usage(f"{key}: {str(value)[:80]!r} is not a value for it") from error


def _check(plan: Plan) -> None:
    steps = plan.steps
    if not steps or any(not 0 < step <= 100 for step in steps):
        raise Usage("steps: each is above 0 and at most 100 percent")
    if any(b <= a for a, b in pairwise(steps)):
        raise Usage("steps: each is higher than the one before")
    if strange := sorted(plan.pause_at - set(steps)):
        raise Usage(f"pause-at: {strange[0]:g} is no step", "the steps are " + _list(steps))
    if not 0 < plan.limits.errors < 1:
        raise Usage("max-errors: above 0 % and below 100 %")
    if not 20 <= plan.limits.evidence <= 1e6:
        raise Usage("evidence: a number from 20 to 1000000", "100 means one false alarm in 100")
    if plan.every_s < plan.interval_s:
        raise Usage("every: a step is at least one interval long", "give a shorter --interval")
    if not 0.5 <= plan.interval_s <= 3600:
        raise Usage("interval: a time from 500ms to 1h")


def _list(steps: tuple[float, ...]) -> str:
    return ", ".join(f"{step:g}" for step in steps)


def _word(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise Usage("expected a word")
    return value.strip()


def _percents(value: Any) -> tuple[float, ...]:
    parts = value if isinstance(value, list) else str(value).split(",")
    return tuple(percent(str(part).strip()) for part in parts)


def _some(value: Any) -> frozenset[float]:
    return frozenset(_percents(value))


def _ratio(value: Any) -> float:
    return percent(str(value)) / 100


def _seconds(value: Any) -> float:
    return duration(str(value))


def _milliseconds(value: Any) -> float:
    return duration(str(value)) * 1000


def _number(value: Any) -> float:
    if isinstance(value, bool) or not 0 < float(value) < 1e12:
        raise ValueError(value)
    return float(value)


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError(value)
    return value


def _choice(*allowed: Choice) -> Any:
    def read(value: Any) -> Choice:
        found = next((choice for choice in allowed if choice.value == value), None)
        if found is None:
            raise Usage("expected " + " or ".join(choice.value for choice in allowed))
        return found

    return read


_READ: dict[str, tuple[str, Any]] = {
    "service": ("service", _word),
    "to": ("version", _word),
    "steps": ("steps", _percents),
    "every": ("every_s", _seconds),
    "interval": ("interval_s", _seconds),
    "max-errors": ("errors", _ratio),
    "max-p99": ("p99_ms", _milliseconds),
    "min-requests": ("requests", _number),
    "evidence": ("evidence", _number),
    "shadow": ("shadow_s", _seconds),
    "pause-at": ("pause_at", _some),
    "gate": ("gate", _word),
    "gate-timeout": ("gate_s", _seconds),
    "on-fail": ("on_fail", _choice(Choice.ROLLBACK, Choice.HOLD)),
    "on-no-data": ("on_no_data", _choice(*Choice)),
    "on-interrupt": ("on_interrupt", _choice(Choice.HOLD, Choice.ROLLBACK)),
    "restart-on-new-build": ("restart_on_new_build", _flag),
    "rule": ("rule", _word),
}
_LIMITS = frozenset(
    key for key, (name, _) in _READ.items() if name in {f.name for f in fields(Limits)}
)

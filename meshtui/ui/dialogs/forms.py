"""The forms of the verbs that need more than a key: their fields, and how their values are read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from meshtui.changes.adopt_kind import AdoptionKind
from meshtui.changes.breaker_fields import FIELDS
from meshtui.changes.breaker_ops import WHOLE_HOST, limited_places
from meshtui.changes.change import Request
from meshtui.changes.outside import is_outside
from meshtui.changes.requests import request_of
from meshtui.dataclass import dataclass
from meshtui.errors import Refused, Usage
from meshtui.mesh.model import Json, Mesh
from meshtui.mesh.quantity import go_duration, human_duration
from meshtui.mesh.subsets import usable_subsets
from meshtui.mesh.versions import VersionView
from meshtui.mesh.view import ServiceView
from meshtui.ui.actions.registry import key_of
from meshtui.ui.dialogs.form import Field, FormDialog
from meshtui.verbs import Verb
from meshtui.verbs.change_verbs import BREAKER, FAULT, FAULT_LIMIT_S, MIRROR, TIMEOUT
from meshtui.verbs.values import settled

Values = Mapping[str, str]
DAY_S = 86_400


def request_from(verb: Verb, texts: Values) -> Request:
    """The request of what was typed into a form's fields, each named as its parameter.

    An empty field is one that was not given. Raises `Usage`.
    """
    given = {
        name: True if name == "off" else verb.parameter(name).parse(text)
        for name, text in texts.items()
        if text
    }
    return request_of(verb.name, settled({**verb.defaults, **given}))


def mirror_form(
    view: ServiceView, selected: VersionView | None, limit_s: float | None = None
) -> FormDialog[Request]:
    """To which version, how much, for how long; `limit_s` is what is usual."""
    labels = [version.label for version in view.versions if version.host]
    if not labels:
        raise Refused(f"{view.key.name} has no version to mirror to")
    proposed = _mirror_target(view, selected)
    return FormDialog(
        f"Mirror {view.key}",
        (
            Field("to", "to version", proposed, "← → choose", choices=tuple(labels)),
            Field("percent", "percent", "100", "of the rule's requests"),
            Field("for", "for", _limit(limit_s), "2h, 15m; none: it has no end"),
        ),
        lambda values: read_mirror(values, labels),
    )


def _mirror_target(view: ServiceView, selected: VersionView | None) -> str:
    """The selected version, else the one with the least traffic."""
    if selected is not None and selected.host:
        return selected.label
    candidates = [version for version in view.versions if version.host]
    lightest = min(candidates, key=lambda version: version.percent or 0.0, default=None)
    return lightest.label if lightest else ""


def read_mirror(values: Values, labels: list[str]) -> Request:
    if values["to"] not in labels:
        raise Usage(
            f"{values['to'] or 'nothing'} is not a version of it", f"it has {', '.join(labels)}"
        )
    return request_from(MIRROR, values)


ABORTED, ABORTED_OF_HEADER = "10", "100"
"""Percent of the requests where the form's field is left empty; those with a header are few, and
sent to be aborted."""

ABORT_HINT = f"empty: {ABORTED}; {ABORTED_OF_HEADER} with a header"


def fault_form(view: ServiceView, limit_s: float | None = FAULT_LIMIT_S) -> FormDialog[Request]:
    """A delay, an abort or both; left empty means not. `limit_s` is what is usual."""
    return FormDialog(
        f"Inject a fault into {view.key}",
        (
            Field("delay", "delay", "", "3s, 200ms, or empty: no delay"),
            Field("delay_percent", "delay percent", "100", "of the requests"),
            Field("abort", "abort with", "", "503, or empty: no abort"),
            Field("abort_percent", "abort percent", "", ABORT_HINT),
            Field("header", "only with header", "", "name=value, or empty: all", text=True),
            Field("for", "for", _limit(limit_s), "then taken back; none: never"),
        ),
        read_fault,
    )


def _limit(seconds: float | None) -> str:
    """As it is written in a form."""
    if seconds is None:
        return "none"
    whole = seconds == int(seconds) and seconds < DAY_S
    return human_duration(seconds) if whole else go_duration(seconds)


def read_fault(values: Values) -> Request:
    """No time limit in the field means none: the field shows the usual one.

    The percentage of a part that is left out means nothing.
    """
    usual = ABORTED_OF_HEADER if values["header"] else ABORTED
    percent = values["abort_percent"] or usual
    given = {**values, "for": values["for"] or "none", "abort_percent": percent}
    for part in ("delay", "abort"):
        given[f"{part}_percent"] = given[f"{part}_percent"] if given[part] else ""
    return request_from(FAULT, given)


def timeout_form(view: ServiceView) -> FormDialog[Request]:
    """The limit of the rule and its retries, as they are now; emptied fields change nothing."""
    rule = view.rule
    if rule is None:
        raise Refused(f"no rule sends traffic to {view.key.name}", "A adopts it")
    retries = rule.retries
    attempts = retries.attempts if retries else None
    per_try = retries.per_try_timeout_s if retries else None
    on = retries.retry_on if retries else ""
    return FormDialog(
        f"Timeout and retries of {view.key}",
        (
            Field("duration", "timeout", _time(rule.timeout_s), "10s, 500ms; off: all of it off"),
            Field(
                "retries",
                "retries",
                "" if attempts is None else str(attempts),
                "tries after the first; 0: none",
            ),
            Field("per_try", "each try", _time(per_try), "3s; all tries within the timeout"),
            Field("retry_on", "on", on, "5xx,reset,connect-failure"),
        ),
        read_timeout,
    )


def read_timeout(values: Values) -> Request:
    """`off` in place of the time takes all of it off."""
    if values["duration"] == "off":
        return request_from(TIMEOUT, {"off": "off"})
    return request_from(TIMEOUT, values)


def _time(value: float | None) -> str:
    return go_duration(value) if value else ""


SET, TAKE_OFF = "set limits", "take all off"
BREAKER_FIELDS = (
    "max_connections",
    "max_pending",
    "max_requests",
    "consecutive_5xx",
    "interval",
    "base_ejection",
    "max_ejection_percent",
)


def breaker_form(
    view: ServiceView, mesh: Mesh, selected: VersionView | None
) -> FormDialog[Request]:
    """Limits of the host or of one subset, as they are now; what is left empty stays as it is.

    It begins with whose limits they are; from a version one key leads to the whole host.
    """
    subsets = [subset.name for subset in usable_subsets(mesh, view.service.host)]
    subsets += [row.host for row in view.versions if is_outside(mesh, row.host)]
    first = _breaker_place(limited_places(mesh, view.service.host), subsets, selected)
    places = tuple(dict.fromkeys((first, WHOLE_HOST, *subsets)))
    now = {place: _limits_of(view, mesh, place) for place in places}
    limits = (
        Field(name, _limit_label(name), now[first][name], _limit_hint(name, now[WHOLE_HOST]))
        for name in BREAKER_FIELDS
    )

    def hint(place: str) -> str:
        own = [one for one in subsets if any(now[one].values())]
        return _place_hint(place, places, own)

    return FormDialog(
        f"Circuit breaker of {view.key}",
        (
            Field("subset", "limits of", first, hint(first), choices=places),
            *limits,
            Field("do", "do", SET, "← → choose", choices=(SET, TAKE_OFF)),
        ),
        lambda values: read_breaker(values, now[values["subset"]]),
        refill=lambda values: now[values["subset"]],
        hints=lambda values: {"subset": hint(values["subset"])},
    )


def _place_hint(place: str, places: Sequence[str], own: Sequence[str]) -> str:
    """Whose limits change by the choice as it stands, and what → would choose; those with limits of
    their `own` keep them.
    """
    if len(places) == 1:
        return "all its versions: it has no subsets"
    after = places[(places.index(place) + 1) % len(places)]
    if place != WHOLE_HOST:
        whose = "this one alone"
    else:
        whose = f"all but {', '.join(own)}" if own else "all versions"
    return f"{whose}; → {after}"


def _breaker_place(limited: Sequence[str], subsets: list[str], at: VersionView | None) -> str:
    """The version under the cursor, else the only place that has limits, else the whole host."""
    if at is not None and (at.subset or at.host) in subsets:
        return at.subset or at.host
    return limited[0] if len(limited) == 1 else WHOLE_HOST


def _limits_of(view: ServiceView, mesh: Mesh, place: str) -> Mapping[str, str]:
    """Its own limits by the command's names; "" for one that is not set."""
    outside = is_outside(mesh, place)
    rules = mesh.rules_by_host.get(place if outside else view.service.host, ())
    policies = [rule.policy for rule in rules if rule.policy]
    if place != WHOLE_HOST and not outside:
        policies = [s.policy for rule in rules for s in rule.subsets if s.name == place]
    policy = policies[0] if policies else {}
    return {name: _written(policy, FIELDS[name]) for name in BREAKER_FIELDS}


def _written(policy: Json, path: Sequence[str]) -> str:
    """A limit as the object has it; 0 is not set."""
    value: object = policy
    for step in path:
        value = value.get(step) if isinstance(value, Mapping) else None
    return str(value) if isinstance(value, int | str) and value and value is not True else ""


def _limit_label(name: str) -> str:
    return name.removesuffix("_percent").replace("_", " ")


LIMIT_HINTS = {
    "max_connections": "TCP connections of a client",
    "max_pending": "requests that wait for one",
    "max_requests": "requests at a time",
    "consecutive_5xx": "in a row eject a pod",
    "interval": "between two sweeps, as in 10s",
    "base_ejection": "a pod's first time, as in 30s",
    "max_ejection_percent": "percent of its pods",
}


def _limit_hint(name: str, host: Values) -> str:
    return f"the host has {host[name]}" if host[name] else LIMIT_HINTS[name]


def read_breaker(values: Values, now: Values) -> Request:
    """Only what was changed is asked for. Raises `Usage` where nothing was, or a limit is gone."""
    subset = "" if values["subset"] == WHOLE_HOST else values["subset"]
    if values["do"] == TAKE_OFF:
        return request_from(BREAKER, {"subset": subset, "off": "off"})
    gone = next((name for name in BREAKER_FIELDS if now[name] and not values[name]), "")
    if gone:
        hint = f"type another, or choose {TAKE_OFF}; {key_of('edit')} edits the object"
        raise Usage(f"{_limit_label(gone)} {now[gone]} cannot be taken off alone", hint)
    changed = {n: values[n] for n in BREAKER_FIELDS if values[n] != now[n]}
    if not changed and any(now.values()):
        raise Usage("these are the limits that it has", f"change one, or choose {TAKE_OFF}")
    return request_from(BREAKER, {"subset": subset, **changed})


BY_VIRTUAL_SERVICE, BY_GATEWAY_API = "VirtualService", "Gateway API"
BY_PODS = "by ready pods"


@dataclass(frozen=True, slots=True)
class Adopting:
    """By which objects, and the version that gets all the traffic; empty: by its ready pods."""

    stable: str
    gateway_api: bool


def adopt_form(view: ServiceView, usual: AdoptionKind) -> FormDialog[Adopting]:
    """`usual` is what the mesh uses, which the form begins with."""
    proposed = BY_GATEWAY_API if usual.gateway_api else BY_VIRTUAL_SERVICE
    labels = tuple(dict.fromkeys(version.label for version in view.versions if version.label))
    return FormDialog(
        f"Adopt {view.key}",
        (
            Field("by", "by", proposed, "← → choose", (BY_VIRTUAL_SERVICE, BY_GATEWAY_API)),
            Field("stable", "traffic to", BY_PODS, "← → choose", (BY_PODS, *labels)),
        ),
        read_adoption,
        note=f"{proposed}: {usual.why}.",
    )


def read_adoption(values: Values) -> Adopting:
    stable = "" if values["stable"] == BY_PODS else values["stable"]
    return Adopting(stable, values["by"] == BY_GATEWAY_API)

"""The settings: one table of their names, what each may be, and what it is for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import field
from itertools import pairwise
from typing import Any

from meshtui.config.keys import KeyChoice, key_choices
from meshtui.dataclass import dataclass
from meshtui.errors import Usage
from meshtui.verbs.change_verbs import FAULT_LIMIT_S
from meshtui.verbs.prometheus import is_wanted
from meshtui.verbs.values import time_limit

LADDER = (5.0, 10.0, 25.0, 50.0, 75.0, 100.0)
"""The steps of a careful rollout, in percent."""

BADGES = ("red", "yellow", "plain")
"""How loud a context's badge is."""


@dataclass(frozen=True, slots=True)
class Config:
    """`ascii`: no signs and lines beyond ASCII; `mouse`: it clicks and scrolls here, and selects no
    text; `badges` maps patterns of contexts' names, as a shell's, to one of `BADGES`. `stable`
    names the stable version by `service.namespace` or `service`; `ladder` has the steps of a
    rollout in percent; `fault_for` and `mirror_for` are seconds after which these are taken back
    (None: never); `degraded` and `failing` are error ratios (0 to 1); `slow_ms` is the time that
    95 % of the requests must keep (0: no limit); `tick_s` is the seconds between two looks at
    telemetry. What begins with `prometheus` is as the options of that name. `keys` has the keys of
    actions by their names. `contexts` has further settings for the contexts whose names match a
    pattern, as a shell's; `groups` names contexts that are looked at together.
    """

    theme: str = ""
    ascii: bool = False
    mouse: bool = False
    badges: Mapping[str, str] = field(default_factory=dict)
    read_only: bool = False
    production: bool = False
    namespace: str = ""
    stable: Mapping[str, str] = field(default_factory=dict)
    ladder: tuple[float, ...] = LADDER
    fault_for: float | None = FAULT_LIMIT_S
    mirror_for: float | None = None
    degraded: float = 0.0
    failing: float = 0.10
    slow_ms: float = 0.0
    tick_s: float = 2.0
    prometheus: str = "auto"
    prometheus_match: tuple[str, ...] = ()
    prometheus_headers: tuple[str, ...] = ()
    prometheus_token_file: str = ""
    prometheus_basic_file: str = ""
    keys: Mapping[str, KeyChoice] = field(default_factory=dict)
    contexts: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def usual(self) -> dict[str, Any]:
        """What stands in for values that are not given; see `meshtui.verbs.values.settled`."""
        return {"fault_for": self.fault_for, "mirror_for": self.mirror_for}


Check = Callable[[Any], Any]
"""The value as `Config` has it. Raises `ValueError` with what it has to be: "a word"."""


@dataclass(frozen=True, slots=True)
class Setting:
    """`example` is how it is written in YAML; `secret`: its value is for nobody's eyes; `local`: it
    may differ from context to context; `exported`: the environment may set it."""

    name: str
    help: str
    check: Check
    example: str
    secret: bool = False
    local: bool = True
    exported: bool = True

    @property
    def default(self) -> Any:
        return getattr(Config(), self.name)

    @property
    def variable(self) -> str:
        """The environment's variable that goes before the file; empty for what is no one value."""
        unfit = isinstance(self.default, Mapping) or not self.exported
        return "" if unfit else f"MESHTUI_{self.name.upper()}"


def text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("a word")
    return value


def prometheus(value: Any) -> str:
    if not isinstance(value, str) or not is_wanted(value):
        raise ValueError("auto, none or a URL, as in http://HOST:PORT")
    return value


def flag(value: Any) -> bool:
    """Also as a shell has it."""
    words = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
    found = words.get(value.lower()) if isinstance(value, str) else value
    if not isinstance(found, bool):
        raise ValueError("true or false")
    return found


def number(low: float, high: float) -> Check:
    """Also one that is written as a word, as in the environment."""

    def check(value: Any) -> float:
        words = ValueError(f"a number from {low:g} to {high:g}")
        if isinstance(value, str):
            try:
                value = float(value)
            except ValueError:
                raise words from None
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise words
        if not low <= value <= high:
            raise words
        return value

    return check


def texts(value: Any) -> tuple[str, ...]:
    """One text or a list of them."""
    found = [value] if isinstance(value, str) else value or []
    if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
        raise ValueError("a text or a list of texts")
    return tuple(found)


def ladder(value: Any) -> tuple[float, ...]:
    """Rising percentages, also as the command line has them: `5,50,100`."""
    words = ValueError("percentages above 0 and at most 100, each above the one before")
    found = value.split(",") if isinstance(value, str) else value
    if not isinstance(found, list) or any(isinstance(one, bool) for one in found):
        raise words
    try:
        steps = tuple(float(one) for one in found)
    except (TypeError, ValueError):
        raise words from None
    rising = all(low < high for low, high in pairwise(steps))
    if not steps or not rising or not all(0 < step <= 100 for step in steps):
        raise words
    return steps


def limit(value: Any) -> float | None:
    """Seconds, None for none."""
    try:
        return time_limit(str(value))
    except Usage:
        raise ValueError("a time, as in 15m or 2h, or none") from None


def versions(value: Any) -> Mapping[str, str]:
    if not isinstance(value or {}, dict):
        raise ValueError("a map of services to versions: {reviews.default: v1}")
    return {str(key): str(one) for key, one in (value or {}).items()}


def badges(value: Any) -> Mapping[str, str]:
    found = value or {}
    if not isinstance(found, dict) or not set(map(str, found.values())) <= set(BADGES):
        raise ValueError(f"a map of contexts to {', '.join(BADGES)}")
    return {str(key): str(one) for key, one in found.items()}


class Misplaced(ValueError):
    """What is wrong with a setting inside of another: `path` are the keys down to it."""

    def __init__(self, path: tuple[str, ...], words: str, hint: str) -> None:
        super().__init__(words)
        self.path = path
        self.words = words
        self.hint = hint


def contexts(value: Any) -> Mapping[str, Mapping[str, Any]]:
    """Each pattern's settings, checked as those of the file are."""
    found = value or {}
    if not isinstance(found, dict) or not all(isinstance(one, dict) for one in found.values()):
        raise ValueError("a map of patterns of contexts to settings")
    return {str(pattern): _local(str(pattern), given) for pattern, given in found.items()}


def groups(value: Any) -> Mapping[str, tuple[str, ...]]:
    """Each group's contexts: two or more, and none of them twice."""
    found = value or {}
    if not isinstance(found, dict) or not all(isinstance(one, list) for one in found.values()):
        raise ValueError("a map of names to lists of contexts")
    return {str(name): _group(str(name), members) for name, members in found.items()}


def _group(name: str, members: list[Any]) -> tuple[str, ...]:
    if not name or "," in name:
        raise ValueError(f"wrong at {name!r}: a name has letters and no comma")
    if not all(isinstance(one, str) and one for one in members):
        raise ValueError(f"wrong at {name}: each context is a word")
    if len(set(members)) < max(len(members), 2):
        raise ValueError(f"wrong at {name}: it needs two contexts or more, each of them once")
    return tuple(members)


def _local(pattern: str, given: Mapping[Any, Any]) -> Mapping[str, Any]:
    values = {}
    for key, value in given.items():
        setting = BY_NAME.get(str(key))
        path = (pattern, str(key))
        if setting is None or not setting.local:
            every = setting is not None
            words = f"{key} is for every context" if every else f"unknown key {key}"
            hint = "write it beside contexts" if every else nearest(str(key), LOCAL)
            raise Misplaced(path, f"contexts: {pattern}: {words}", hint)
        try:
            values[setting.name] = setting.check(value)
        except ValueError as error:
            words = f"contexts: {pattern}: {key} is {error}"
            example = f"as in `{setting.name}: {setting.example}`"
            raise Misplaced(path, words, example) from None
    return values


SETTINGS = (
    Setting(
        "theme",
        "the screen's colours: meshtui-dark, -light, -contrast, -colourblind, -ansi, or your own",
        text,
        "meshtui-dark",
    ),
    Setting("ascii", "no signs and lines beyond ASCII, as --ascii", flag, "true", local=False),
    Setting("mouse", "click and scroll with the mouse, as --mouse", flag, "true", local=False),
    Setting(
        "badges",
        "how loud a context is in the header, by a pattern of its name",
        badges,
        '{"*prod*": red, staging: yellow, lab: plain}',
        local=False,
    ),
    Setting("read_only", "refuse every write, as --read-only", flag, "true"),
    Setting(
        "production",
        "a cluster with real users: load refuses there",
        flag,
        "true",
        exported=False,
    ),
    Setting("namespace", "the services of this namespace, as -n", text, "shop", exported=False),
    Setting(
        "stable",
        "the version that a rollback goes back to, by service or service.namespace",
        versions,
        "{reviews.default: v1}",
    ),
    Setting(
        "ladder",
        "the steps of a rollout in percent: of the key n, and of `canary run` without --steps",
        ladder,
        "[5, 10, 25, 50, 75, 100]",
    ),
    Setting("fault_for", "time after which a fault is taken back, or none", limit, "15m"),
    Setting("mirror_for", "time after which a mirror is taken back, or none", limit, "none"),
    Setting("degraded", "error ratio from which a version is degraded", number(0, 1), "0.01"),
    Setting("failing", "error ratio from which a version is failing", number(0, 1), "0.10"),
    Setting(
        "slow_ms",
        "time that 95 % of the requests must keep; 0: no limit",
        number(0, 3_600_000),
        "500",
    ),
    Setting("tick_s", "seconds between two looks at telemetry", number(0.2, 3600), "2.0"),
    Setting(
        "prometheus", "where golden signals come from: auto, none or a URL", prometheus, "auto"
    ),
    Setting(
        "prometheus_match",
        "only these series, as --prometheus-match",
        texts,
        "'cluster=\"east\"'",
    ),
    Setting(
        "prometheus_headers",
        "sent with every query, as --prometheus-header",
        texts,
        "['X-Scope-OrgID: a']",
        secret=True,
    ),
    Setting("prometheus_token_file", "a file with a bearer token", text, "/run/token"),
    Setting("prometheus_basic_file", "a file with user:password", text, "/run/password"),
    Setting(
        "keys",
        "the keys of actions by their names (those after `:`), in place of the usual ones",
        key_choices,
        "{logs: L, sort_latency: [f5, ctrl+l]}",
    ),
    Setting(
        "contexts",
        "settings of the contexts whose names match a pattern; they go before those above",
        contexts,
        '{"*prod*": {production: true, failing: 0.02}}',
        local=False,
    ),
    Setting(
        "groups",
        "contexts that --context NAME reads together, as --context east,west does",
        groups,
        "{shop: [east, west]}",
        local=False,
    ),
)
BY_NAME = {setting.name: setting for setting in SETTINGS}
LOCAL = [setting.name for setting in SETTINGS if setting.local]


def nearest(key: str, names: Iterable[str]) -> str:
    """The name that is meant, or all of them."""
    from difflib import get_close_matches

    known = list(names)
    near = get_close_matches(key.lower(), known, 1, 0.6)
    return f"is it {near[0]}?" if near else f"there are: {', '.join(known)}"

"""Which access log a proxy writes, and in which format: meshConfig, its providers, and Telemetry.

From istiod (pilot/pkg/model/telemetry.go): the Telemetry of the workload before that of its
namespace, that before the root namespace's; each says only what it changes. Without any, the
`defaultProviders` of meshConfig, and without those `accessLogFile`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import field

from meshtui.dataclass import dataclass
from meshtui.mesh import read
from meshtui.mesh.count_overrides import CountOverride, parse_overrides
from meshtui.mesh.istio import Json, Ref
from meshtui.mesh.telemetry_levels import levels, selector_of

BUILT_IN = "envoy"
"""The provider that writes as `accessLogFile` and `accessLogFormat` say."""

STDOUT = ("/dev/stdout", "/dev/stderr")
_MOST = 8


@dataclass(frozen=True, slots=True)
class LogFormat:
    """How a line is written: Envoy's `text`, or the `keys` of a JSON object by what stands there.

    Neither is Istio's own format.
    """

    text: str = ""
    keys: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LogProvider:
    """A file that proxies log to; empty `file` is none. Others send their log away."""

    file: str = ""
    format: LogFormat = field(default_factory=LogFormat)


@dataclass(frozen=True, slots=True)
class LogSettings:
    """What meshConfig says. `default` are the providers where no Telemetry names any."""

    own: LogProvider = field(default_factory=LogProvider)
    providers: Mapping[str, LogProvider] = field(default_factory=dict)
    default: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LogChoice:
    """One `accessLogging` of a Telemetry; `filtered`: only some requests are logged."""

    providers: tuple[str, ...] = ()
    disabled: bool | None = None
    filtered: bool = False


@dataclass(frozen=True, slots=True)
class Telemetry:
    """A Telemetry, as far as it speaks of access logs and of counting requests; `selector` None:
    all of the namespace."""

    ref: Ref
    selector: Mapping[str, str] | None = None
    choices: tuple[LogChoice, ...] = ()
    created: str = ""
    overrides: tuple[CountOverride, ...] = ()


@dataclass(frozen=True, slots=True)
class Logging:
    """What a proxy does: `formats` of what it writes to its container's log, none where it writes
    nothing there, and `because` which object says so.
    """

    formats: tuple[LogFormat, ...] = ()
    because: str = ""

    @property
    def on(self) -> bool:
        return bool(self.formats)


def log_settings(config: Json) -> LogSettings:
    """From meshConfig."""
    text = read.text(config, "accessLogFormat")
    as_json = read.text(config, "accessLogEncoding") == "JSON"
    own = LogFormat(keys=_keys_of_text(text)) if as_json else LogFormat(text)
    providers = {
        read.text(each, "name"): _provider(each)
        for each in read.objects(config, "extensionProviders")
    }
    return LogSettings(
        LogProvider(read.text(config, "accessLogFile"), own),
        {BUILT_IN: LogProvider(STDOUT[0], own), **providers},
        read.texts(read.obj(config, "defaultProviders"), "accessLogging"),
    )


def _provider(raw: Json) -> LogProvider:
    file = read.obj(raw, "envoyFileAccessLog")
    form = read.obj(file, "logFormat")
    keys = _flat(read.obj(form, "labels"))
    return LogProvider(read.text(file, "path"), LogFormat(read.text(form, "text"), keys))


def _keys_of_text(text: str) -> Mapping[str, str]:
    try:
        found = json.loads(text) if text else {}
    except (ValueError, RecursionError):
        return {}
    return _flat(found) if isinstance(found, Mapping) else {}


def _flat(raw: Json) -> Mapping[str, str]:
    """Keys by what they hold; one object inside another is `outer.inner`."""
    found: dict[str, str] = {}
    for key, value in raw.items():
        if isinstance(value, str):
            found[str(key)] = value
        elif isinstance(value, Mapping):
            found |= {f"{key}.{k}": v for k, v in value.items() if isinstance(v, str)}
    return found


def parse_telemetry(raw: Json) -> Telemetry:
    meta, spec = read.obj(raw, "metadata"), read.obj(raw, "spec")
    name, home = read.text(meta, "name"), read.text(meta, "namespace")
    return Telemetry(
        Ref("Telemetry", home, name, read.text(meta, "uid")),
        selector_of(spec),
        tuple(_choice(each) for each in read.objects(spec, "accessLogging")),
        read.created(raw),
        parse_overrides(spec),
    )


def _choice(raw: Json) -> LogChoice:
    named = (read.text(each, "name") for each in read.objects(raw, "providers"))
    off = raw.get("disabled")
    filtered = bool(read.obj(raw, "filter") or read.text(read.obj(raw, "match"), "mode"))
    return LogChoice(tuple(filter(None, named)), off if isinstance(off, bool) else None, filtered)


def logging_of(
    telemetries: Iterable[Telemetry],
    settings: LogSettings,
    root: str,
    namespace: str,
    labels: Mapping[str, str],
) -> Logging:
    """What a workload's proxy writes to its own log."""
    providers, off, because = settings.default, False, "meshConfig.defaultProviders"
    asked = False
    for one in levels(telemetries, root, namespace, labels):
        if not one.choices:
            continue
        asked, because = True, str(one.ref)
        named = tuple(name for choice in one.choices for name in choice.providers)
        providers = named or providers
        said = [choice.disabled for choice in one.choices if not choice.filtered]
        off = all(said) if said and None not in said else off and not named
    if not asked and not providers:
        own = settings.own
        on = own.file in STDOUT
        why = "meshConfig.accessLogFile" if own.file else ""
        return Logging((own.format,) if on else (), why)
    known = [
        settings.providers[name] for name in providers or (BUILT_IN,) if name in settings.providers
    ]
    formats = () if off else tuple(p.format for p in known if p.file in STDOUT)
    return Logging(formats[:_MOST], because)

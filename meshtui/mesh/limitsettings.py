"""The settings of a rate-limit filter, as Envoy's JSON may spell them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from meshtui.dataclass import dataclass
from meshtui.mesh import read
from meshtui.mesh.istio import Json
from meshtui.mesh.quantity import seconds

LOCAL = "local"
EXTERNAL = "external"
DEPTH = 8
"""How deep in a patch settings are looked for."""

_HTTP, _CONNECTIONS = "envoy.extensions.filters.http", "envoy.extensions.filters.network"
_TYPES = {
    f"{_HTTP}.local_ratelimit.v3.LocalRateLimit": (LOCAL, False),
    f"{_CONNECTIONS}.local_ratelimit.v3.LocalRateLimit": (LOCAL, True),
    f"{_HTTP}.ratelimit.v3.RateLimit": (EXTERNAL, False),
    f"{_CONNECTIONS}.ratelimit.v3.RateLimit": (EXTERNAL, True),
}
"""What each type is, and whether it is for connections rather than for requests."""

_DENOMINATORS = {"HUNDRED": 100.0, "TEN_THOUSAND": 10_000.0, "MILLION": 1_000_000.0}


@dataclass(frozen=True, slots=True)
class Bucket:
    """A token bucket: `burst` at once, then `tokens` every `interval_s`.

    `descriptor` names the requests it is for (`path=/a`), empty for all. Each proxy counts its
    own.
    """

    burst: int
    tokens: int
    interval_s: float
    descriptor: str = ""

    @property
    def rps(self) -> float | None:
        return self.tokens / self.interval_s if self.interval_s > 0 else None


@dataclass(frozen=True, slots=True)
class Settings:
    """One filter's settings. `connections`: it limits those, and not requests."""

    kind: str
    connections: bool
    config: Json

    def text(self, snake: str) -> str:
        return read.text(self.config, key(self.config, snake))

    @property
    def buckets(self) -> tuple[Bucket, ...]:
        return tuple(_buckets(self.config)) if self.kind == LOCAL else ()

    @property
    def enforced(self) -> float:
        """The percentage of requests over the limit that are refused.

        Of a local limit for requests both switches are 0 where they are not set: such a filter
        only stands there. One for connections acts unless it is switched off.
        """
        if self.kind != LOCAL:
            return 100.0
        if self.connections:
            switch = at(self.config, "runtime_enabled")
            return 0.0 if switch.get(key(switch, "default_value")) is False else 100.0
        enabled, enforced = (
            _fraction(at(self.config, name)) for name in ("filter_enabled", "filter_enforced")
        )
        return enabled * enforced / 100.0

    @property
    def cluster(self) -> str:
        """The cluster of the external service; empty where none is asked."""
        grpc = at(self.config, "rate_limit_service", "grpc_service")
        plain, google = at(grpc, "envoy_grpc"), at(grpc, "google_grpc")
        return read.text(plain, key(plain, "cluster_name")) or read.text(
            google, key(google, "target_uri")
        )

    @property
    def deny_on_failure(self) -> bool:
        return self.config.get(key(self.config, "failure_mode_deny")) is True


def settings_in(value: Any, depth: int = DEPTH) -> Iterator[Settings]:
    """The settings in a patch, plain or in a TypedStruct, wherever they stand."""
    if isinstance(value, Mapping):
        plain = _TYPES.get(_type_name(value, "@type"))
        wrapped = _TYPES.get(_type_name(value, key(value, "type_url")))
        found = plain or wrapped
        if found:
            yield Settings(*found, value if plain else read.obj(value, "value"))
            return
        value = list(value.values())
    if isinstance(value, list) and depth > 0:
        for inner in value:
            yield from settings_in(inner, depth - 1)


def _type_name(value: Json, name: str) -> str:
    return read.text(value, name).rpartition("/")[2]


def key(value: Json, snake: str) -> str:
    """Envoy's JSON takes `stat_prefix` and `statPrefix` alike."""
    head, *rest = snake.split("_")
    camel = head + "".join(word.capitalize() for word in rest)
    return camel if camel in value else snake


def at(value: Json, *path: str) -> Json:
    for part in path:
        value = read.obj(value, key(value, part))
    return value


def _buckets(config: Json) -> Iterator[Bucket]:
    whole = at(config, "token_bucket")
    if whole:
        yield _bucket(whole, "")
    for descriptor in read.objects(config, "descriptors"):
        entries = read.objects(descriptor, "entries")
        name = ", ".join(f"{read.text(e, 'key')}={read.text(e, 'value') or '*'}" for e in entries)
        yield _bucket(at(descriptor, "token_bucket"), name)


def _bucket(raw: Json, descriptor: str) -> Bucket:
    return Bucket(
        burst=read.integer(raw, key(raw, "max_tokens")),
        tokens=read.integer(raw, key(raw, "tokens_per_fill"), 1),
        interval_s=seconds(raw.get(key(raw, "fill_interval"))) or 0.0,
        descriptor=descriptor,
    )


def _fraction(switch: Json) -> float:
    """A percentage from a runtime fraction, whose denominator is HUNDRED unless it is named."""
    value = at(switch, "default_value")
    whole = _DENOMINATORS.get(read.text(value, "denominator"), 100.0)
    return min(100.0, max(0.0, 100.0 * read.decimal(value, "numerator") / whole))

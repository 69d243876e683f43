"""The queries of one tick, as text. Their number does not depend on the size of the mesh.

`increase()` is not used for what can be counted: it extrapolates to the edges of its window,
which makes 25 % too much out of a burst at four scrapes a window, and it leaves out what a series
counted before its first scrape, which is all of the errors of a version that has just begun to
fail. Instead the counter now is compared with the counter one window earlier. The window is a
multiple of the scrape interval, so both are scrapes and nothing lies between them uncounted.

All of them add over what they do not name: pods, clusters, canonical names, principals. A proxy
that several jobs scrape, or two replicas of a Prometheus, counts once: see `once`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping

from meshtui.metrics.connections import COUNTERS, OPENED
from meshtui.metrics.scope import ALL, CLUSTERS, Scope
from meshtui.metrics.traffic import BUCKETS, REQUESTS

_SERVICE = (
    "reporter",
    "destination_service",
    "destination_service_name",
    "destination_service_namespace",
    "destination_version",
    "destination_canonical_revision",
    "destination_workload",
    "destination_workload_namespace",
    "source_workload_namespace",
)
REQUEST_LABELS = (
    *_SERVICE,
    "request_protocol",
    "response_code",
    "grpc_response_status",
    "response_flags",
)
_CLIENT = (*_SERVICE[:4], "source_workload", "source_workload_namespace")

WHAT = "what"
READ, DOWN, SCRAPED, SCRAPED_BEFORE = "read", "down", "scraped", "scraped before"
DENIED, TOKENS, SENT, SENT_TIMES = "denied", "tokens", "sent", "sent times"
SILENT = "silent"
EDGE_DENIED, EDGE_TOKENS = "denied at the edge", "tokens at the edge"
_CALLER = ("source_workload", "source_workload_namespace")
_PAIR = (*_CALLER, "destination_service_name", "destination_service_namespace")
_SERVED = 'reporter=~"destination|waypoint"'
CONNECTION_LABELS = (*_SERVICE, "response_flags")
_WORKLOAD = "destination_workload, destination_workload_namespace"
_GATEWAY = "source_workload, source_workload_namespace"

HOUR_S, BEFORE_S = 3600.0, 300.0
"""The hour that times are held against, and how long ago it ended: what is new is no part of it."""

_REPLICAS = ("prometheus_replica", "replica")
_PROXY = "proxy"
_ADDRESS = r"(.+):\\d+"
"""An instance without its port, inside a string of PromQL."""


def newest(scope: Scope = ALL) -> str:
    """When the mesh was last scraped, and one target of each job. Evaluated at the server's now."""
    return f"topk by (job) (1, max by (job, instance) (timestamp({scope.mesh(REQUESTS)})))"


def clients(scope: Scope = ALL) -> str:
    """Who ever sent to whom, and in which clusters. An hour back as well, for the proxies that
    are not scraped just now.
    """
    labels = ", ".join((*_CLIENT, *CLUSTERS))
    ever = []
    for counter in (REQUESTS, OPENED):
        sent = scope.mesh(counter, 'reporter="source"')
        ever.append(f"({sent} or max_over_time({sent}[1h:5m]))")
    return f"count by ({labels}) (({' or '.join(ever)}) > 0)"


def scrapes(targets: Iterable[tuple[str, str]], scope: Scope = ALL) -> str:
    """The scrapes of the last quarter of an hour of these targets (job, instance)."""
    jobs, instances = zip(*targets, strict=True)
    up = scope.targets("up", f"job=~{_any_of(jobs)}", f"instance=~{_any_of(instances)}")
    return f"{up}[15m]"


def state(
    jobs: Iterable[str], window: str, scope: Scope = ALL, gateways: Iterable[str] = ()
) -> str:
    """How many proxies are read and how many are down; when `jobs` were scraped, then and now;
    what the RBAC and JWT filters of each workload have denied, and what `gateways`, workloads,
    sent on.
    """
    up = scope.targets("up", f"job=~{_any_of(jobs)}")
    counter = scope.mesh(REQUESTS)
    ran = f"({counter} offset 5m or {counter} offset 1h)"
    read = _proxies(counter)
    down = _proxies(f"({scope.targets('up')} == 0 and on (job, instance) {ran})")
    rows = {
        READ: f"count({read})",
        DOWN: f"count({down} unless on (cluster, {_PROXY}) {read})",
        SCRAPED: f"max(timestamp({up}))",
        SCRAPED_BEFORE: f"max(timestamp({up} offset {window}))",
    } | _beside(window, scope)
    known = tuple(gateways)
    if known:
        rows[SENT] = _sent(window, scope, known)
        rows[SENT_TIMES] = _sent_times(window, scope, known)
    return _labelled(rows)


def beside(window: str, scope: Scope = ALL) -> str:
    """What the filters of workloads have denied, and the callers that count nothing."""
    return _labelled(_beside(window, scope))


def denied(window: str, scope: Scope = ALL) -> str:
    """What the filters of workloads have denied, and those of gateways at the edge."""
    return _labelled(_denials(window, scope))


def _beside(window: str, scope: Scope) -> dict[str, str]:
    return {**_denials(window, scope), SILENT: _silent(window, scope)}


def _denials(window: str, scope: Scope) -> dict[str, str]:
    return {
        DENIED: _denied("envoy_http_rbac", window, scope, _ENFORCED),
        TOKENS: _denied("envoy_http_jwt_authn_denied", window, scope),
        EDGE_DENIED: _denied("envoy_http_rbac", window, scope, _ENFORCED, edge=True),
        EDGE_TOKENS: _denied("envoy_http_jwt_authn_denied", window, scope, edge=True),
    }


def _labelled(rows: Mapping[str, str]) -> str:
    named = (f'label_replace({row}, "{WHAT}", "{name}", "", "")' for name, row in rows.items())
    return " or ".join(named)


def _silent(window: str, scope: Scope) -> str:
    """Requests by callers that count none, as those who answered them count them.

    Not of a service that does not know all the callers it has answered by their names: see
    `metrics.silent`.
    """
    pair = ", ".join(_PAIR)
    sent = scope.mesh(REQUESTS, 'reporter="source"')
    reached = ('response_flags="-"', 'destination_workload!~"unknown|"')
    answered = scope.mesh(REQUESTS, 'reporter="source"', *reached)
    served = scope.mesh(REQUESTS, _SERVED)
    service = ", ".join(_PAIR[2:])
    answered = _changed(answered, window)
    nameless = f"(group by ({pair}) ({answered}) unless on ({pair}) group by ({pair}) ({served}))"
    unnamed = (_SERVED, 'source_workload=~"unknown|"')
    let_in = scope.mesh(REQUESTS, *unnamed, 'response_flags="-"')
    turned_away = (
        f"(group by ({pair}) ({scope.mesh(REQUESTS, *unnamed)})"
        f" unless on ({pair}) {_changed(let_in, window)} and on ({service}) {answered})"
    )
    return (
        f"(sum by (reporter, {pair}) ({_counted(served, window)})"
        f" unless on ({', '.join(_CALLER)}) {_changed(sent, window)}"
        f" unless on ({service}) {nameless} unless on ({pair}) {turned_away})"
    )


def _changed(counter: str, window: str) -> str:
    """The series that counted anything, or began."""
    return f"({counter} unless {counter} == {counter} offset {window})"


def _counted(counter: str, window: str) -> str:
    """About what each series that grew has counted."""
    return (
        f"({counter} - {counter} offset {window} > 0)"
        f" or ({counter} unless {counter} offset {window})"
        f" or (increase({counter}[{window}]) > 0)"
    )


def _connections(window: str, scope: Scope) -> str:
    """All counters of connections at once, named by a label: one by one they are 5 kB of a URL.

    As `_grown` counts, but for `increase`: a counter that is lower than before began at 0.
    """
    counters = scope.mesh("", f"__name__=~{_any_of(COUNTERS)}")
    now, then = (
        f'label_replace({vector}, "{WHAT}", "$1", "__name__", "(.+)")'
        for vector in (counters, f"{counters} offset {window}")
    )
    grown = (
        f"({now} - {then} >= 0) or {now} < {then}"
        f" or (({now} unless {then}) and on (job, instance) {_read_then(window, scope)})"
    )
    return f"({once((WHAT, *CONNECTION_LABELS), grown)} > 0)"


_ENFORCED = 'authz_enforce_result="denied"'


def _denied(counter: str, window: str, scope: Scope, *more: str, edge: bool = False) -> str:
    """By the workload whose proxies denied it: they name it in what they served, and a gateway in
    what it sent on.
    """
    listeners = 'http_conn_manager_prefix=~"outbound.*"' if edge else _INBOUND
    denied = _grown_of(scope.targets(counter, *more, listeners), window, scope)
    whose = _GATEWAY if edge else _WORKLOAD
    counted = scope.mesh(REQUESTS, f'reporter="{"source" if edge else "destination"}"')
    workload = f"topk by (job, instance) (1, group by (job, instance, {whose}) ({counted}))"
    found = (
        f"sum by (cluster, job, instance) ({denied})"
        f" * on (job, instance) group_left ({whose}) {workload}"
    )
    return f"sum by ({whose}) (max by ({whose}, cluster, {_PROXY}) ({_named(found)})) > 0"


_INBOUND = 'http_conn_manager_prefix=~"inbound.*"'


_SENT = (
    *("source_workload", "source_workload_namespace", "request_protocol"),
    *("response_code", "grpc_response_status", "response_flags"),
)


def _sent(window: str, scope: Scope, gateways: Iterable[str]) -> str:
    """By gateway and answer, whichever service it was sent to."""
    grown = _grown(
        REQUESTS, window, scope, 'reporter="source"', f"source_workload=~{_any_of(gateways)}"
    )
    return f"({once(_SENT, grown)} > 0)"


def _sent_times(window: str, scope: Scope, gateways: Iterable[str]) -> str:
    """Their buckets by gateway, the empty ones too: see `durations`."""
    labels = ("source_workload", "source_workload_namespace")
    sent = ('reporter="source"', f"source_workload=~{_any_of(gateways)}")
    return f"({_timed(labels, window, scope, *sent)})"


def requests(window: str, scope: Scope = ALL, silent: Iterable[str] = ()) -> str:
    """Requests of the last `window` by everything that tells errors and services apart.

    Those of the workloads that are `silent` by caller as well, as those who answered count them.
    """
    counted = f"{once(REQUEST_LABELS, _grown(REQUESTS, window, scope))} > 0"
    of = tuple(silent)
    if not of:
        return counted
    grown = _grown(REQUESTS, window, scope, _SERVED, f"source_workload=~{_any_of(of)}")
    return f"{counted} or {once((*REQUEST_LABELS, 'source_workload'), grown)} > 0"


def calls(window: str, scope: Scope = ALL) -> str:
    """The same by caller and by how the connection was secured, asked only where wanted."""
    labels = (*REQUEST_LABELS, "source_workload", "connection_security_policy")
    return f"{once(labels, _grown(REQUESTS, window, scope))} > 0"


def durations(window: str, scope: Scope = ALL, silent: Iterable[str] = ()) -> str:
    """Buckets of the last `window`, by service, version and reporter; of the `silent` by caller as
    well, where they have none of their own.

    All buckets of a histogram that counted anything, the empty ones too: a quantile lies between
    two bounds, and without the lower one it would lie between 0 and the upper.
    """
    timed = _timed(_SERVICE, window, scope)
    of = tuple(silent)
    if not of:
        return timed
    named = f"source_workload=~{_any_of(of)}"
    own = scope.mesh(BUCKETS, 'reporter="source"', 'le="+Inf"', named)
    served = _timed((*_SERVICE, "source_workload"), window, scope, _SERVED, named)
    return f"{timed} or {served} unless on ({', '.join(_CALLER)}) (increase({own}[{window}]) > 0)"


def _timed(by: Iterable[str], window: str, scope: Scope, *more: str) -> str:
    labels = ", ".join(by)
    counted = _grown(BUCKETS, window, scope, *more, 'le="+Inf"')
    return (
        f"{once((*by, 'le'), _grown(BUCKETS, window, scope, *more))}"
        f" and on ({labels}) sum by ({labels}) ({counted}) > 0"
    )


def before(scope: Scope = ALL) -> str:
    """Buckets of the hour that ended a while ago, by service, version and reporter."""
    counted = f"increase({scope.mesh(BUCKETS)}[{HOUR_S:.0f}s] offset {BEFORE_S:.0f}s)"
    return once((*_SERVICE, "le"), counted)


def durations_and_connections(window: str, scope: Scope = ALL, silent: Iterable[str] = ()) -> str:
    """The durations, and beside them, by counter, the connections that are no HTTP."""
    return f"({durations(window, scope, silent)}) or {_connections(window, scope)}"


def once(labels: Iterable[str], counted: str) -> str:
    """The sum of `counted` by `labels`, in which each proxy counts once.

    The same proxy may be scraped by two jobs (a ServiceMonitor beside the annotations), at two
    ports (15020 and 15090), or by two replicas of one Prometheus. It is known by its address.
    Where an instance is no address, each job's are proxies of their own.
    """
    named = ", ".join(labels)
    target = f"{named}, cluster, job, instance"
    scraped = _named(f"sum by ({target}, {', '.join(_REPLICAS)}) ({counted})")
    return f"sum by ({named}) (max by ({named}, cluster, {_PROXY}) ({scraped}))"


def _proxies(vector: str) -> str:
    return f"group by (cluster, {_PROXY}) ({_named(vector)})"


def _named(vector: str) -> str:
    """With a label that names the proxy."""
    target = f'label_join({vector}, "{_PROXY}", "/", "job", "instance")'
    return f'label_replace({target}, "{_PROXY}", "$1", "instance", "{_ADDRESS}")'


def _grown(metric: str, window: str, scope: Scope, *more: str) -> str:
    """What each series counted in the last `window`.

    1. What it is more than a window ago.
    2. All of it, where it was not there and its proxy was read then: it began at 0.
    3. `increase` where neither is so: after a restart, for a new proxy, after a missed scrape,
       and for a proxy that has gone.
    """
    return _grown_of(scope.mesh(metric, *more), window, scope)


def _grown_of(counter: str, window: str, scope: Scope) -> str:
    return (
        f"({counter} - {counter} offset {window} >= 0)"
        f" or (({counter} unless {counter} offset {window})"
        f" and on (job, instance) {_read_then(window, scope)})"
        f" or increase({counter}[{window}])"
    )


def _read_then(window: str, scope: Scope) -> str:
    """Targets of which all series are known for the time one window ago.

    Istio's agent leaves Envoy's counters out of its answer when Envoy is slow. Such a scrape
    counts as up, so a proxy without counters is believed only if it had none for a while.
    """
    counter, up = scope.mesh(REQUESTS), scope.targets("up")
    had_some = f"{counter} offset {window}"
    had_none = (
        f"{up} offset {window} == 1"
        f" unless on (job, instance) last_over_time({counter}[{window}] offset {window})"
    )
    return f"group by (job, instance) ({had_some} or ({had_none}))"


def _any_of(values: Iterable[str]) -> str:
    """A quoted regular expression for exactly these values."""
    # re.escape also escapes what RE2 takes literally; RE2 accepts that for punctuation only.
    escaped = (re.sub(r"([\\.+*?()|\[\]{}^$])", r"\\\1", value) for value in sorted(set(values)))
    return json.dumps("|".join(escaped), ensure_ascii=False)

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
SENT, SENT_TIMES, CLIENTS = "sent", "sent times", "clients"
SILENT = "silent"
PASSING = "passing"
DENIED, TOKENS = "destination denied", "destination "
EDGE_DENIED, EDGE_TOKENS = "source denied", "source "
WORKLOAD = "workload"
"""A label: namespace and name."""

_CALLER = ("source_workload", "source_workload_namespace")
_PAIR = (*_CALLER, "destination_service_name", "destination_service_namespace")
_SERVED = 'reporter=~"destination|waypoint"'
_ANSWERED = ("destination_workload", "destination_workload_namespace")
CONNECTION_LABELS = (*_SERVICE, "response_flags")

HOUR_S, BEFORE_S = 3600.0, 300.0
"""The hour that times are held against, and how long ago it ended: what is new is no part of it."""

_REPLICAS = ("prometheus_replica", "replica")
_SCRAPES = ("job", "instance", *_REPLICAS)
"""What tells the scrapes of one proxy apart."""

_PROXY = "proxy"
_ADDRESS = r"(.+):\\d+"
"""An instance without its port, inside a string of PromQL."""


def newest(scope: Scope = ALL) -> str:
    """When the mesh was last scraped, and one target of each job. Evaluated at the server's now."""
    return f"topk by (job) (1, max by (job, instance) (timestamp({scope.mesh(REQUESTS)})))"


def newest_and_clients(scope: Scope = ALL) -> str:
    """Both in one question, as the second is asked only now and then."""
    return f"{newest(scope)} or {_labelled({CLIENTS: clients(scope)})}"


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
    what `gateways`, workloads, sent on.
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
    }
    known = tuple(gateways)
    if known:
        rows[SENT] = _sent(window, scope, known)
        rows[SENT_TIMES] = _sent_times(window, scope, known)
    return _labelled(rows)


def beside(window: str, scope: Scope = ALL, waypoints: Iterable[str] = ()) -> str:
    """What the RBAC and JWT filters of workloads have denied, the callers that count nothing, and
    those that send through `waypoints`.

    A question of its own: with the state it would be longer than some servers take.
    """
    rows = {SILENT: _silent(window, scope)}
    through = tuple(waypoints)
    if through:
        rows[PASSING] = _passing(window, scope, through)
    return f"{denied(window, scope)} or {_labelled(rows)}"


def _passing(window: str, scope: Scope, waypoints: Iterable[str]) -> str:
    """Callers by the workloads that they take for who answered, and the service."""
    labels = ", ".join((*_PAIR, *_ANSWERED, "reporter", "response_flags"))
    to = f"destination_workload=~{_any_of(waypoints)}"
    sent = scope.mesh(REQUESTS, 'reporter="source"', to)
    return f"(sum by ({labels}) ({_counted(sent, window)}))"


def _labelled(rows: Mapping[str, str]) -> str:
    named = (f'label_replace({row}, "{WHAT}", "{name}", "", "")' for name, row in rows.items())
    return " or ".join(named)


def _silent(window: str, scope: Scope) -> str:
    """Requests by callers that count none, as those who answered them count them.

    Not of a caller whose proxy was not scraped lately, and counted before that. And not of a
    service that does not know all the callers it has answered by their names: see
    `metrics.silent`.
    """
    pair = ", ".join(_PAIR)
    sent = scope.mesh(REQUESTS, 'reporter="source"')
    reached = ('response_flags="-"', 'destination_workload!~"unknown|"')
    answered = scope.mesh(REQUESTS, 'reporter="source"', *reached)
    served = scope.mesh(REQUESTS, _SERVED)
    service = ", ".join(_PAIR[2:])
    answered = _changed(answered, window)
    nameless = f"(group by ({pair}) ({answered}) unless group by ({pair}) ({served}))"
    unnamed = (_SERVED, 'source_workload=~"unknown|"')
    let_in = scope.mesh(REQUESTS, *unnamed, 'response_flags="-"')
    turned_away = (
        f"(group by ({pair}) ({scope.mesh(REQUESTS, *unnamed)})"
        f" unless on ({pair}) {_changed(let_in, window)} and on ({service}) {answered})"
    )
    return (
        f"(sum by (reporter, {pair}) ({_counted(served, window)})"
        f" unless on ({', '.join(_CALLER)})"
        f" ({_changed(sent, window)} or increase({sent}[{window}]) > 0)"
        f" unless on ({service}) {nameless} unless ignoring (reporter) {turned_away})"
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


_ENFORCED = "authz_enforce_result"
_DENIALS = (
    '__name__=~"envoy_http_(rbac|jwt_authn_denied)"',
    f'{_ENFORCED}=~"denied|"',
    'authz_dry_run_result=""',
    'http_conn_manager_prefix=~"(in|out)bound.*"',
)
"""Both filters' counters in one selector. That of JWT has no result, that of RBAC always one: of
what it enforces or of what it only tries."""


def denied(window: str, scope: Scope = ALL) -> str:
    """By the workload whose proxies denied it: they name it in what they served, and a gateway in
    what it sent on. What came in and what goes out is told by who would report it.
    """
    grown = _grown_of(scope.targets("", *_DENIALS), window, scope)
    for reporter, listeners in (("destination", "inbound.*"), ("source", "outbound.*")):
        listened = f'"http_conn_manager_prefix", "{listeners}"'
        grown = f'label_replace({grown}, "reporter", "{reporter}", {listened})'
    named = " or ".join(
        f'label_join({scope.mesh(REQUESTS, _quoted_reporter(one))}, "{WORKLOAD}", "/",'
        f' "{one}_workload_namespace", "{one}_workload")'
        for one in ("destination", "source")
    )
    target = "job, instance, reporter"
    workload = f"topk by ({target}) (1, group by ({target}, {WORKLOAD}) ({named}))"
    found = (
        f"sum by (cluster, {target}, {_ENFORCED}) ({grown})"
        f" * on ({target}) group_left ({WORKLOAD}) {workload}"
    )
    once = f"sum without (cluster, {_PROXY}) ({_at_most_once(found)}) > 0"
    return f'label_join({once}, "{WHAT}", " ", "reporter", "{_ENFORCED}")'


def workload_of(labels: Mapping[str, str]) -> tuple[str, str]:
    """Whose filters denied it: namespace and name."""
    namespace, _, name = labels.get(WORKLOAD, "").partition("/")
    return namespace, name


def _quoted_reporter(name: str) -> str:
    return f'reporter="{name}"'


_SENT = (
    *("source_workload", "source_workload_namespace", "request_protocol"),
    *("response_code", "grpc_response_status", "response_flags"),
)


def _sent(window: str, scope: Scope, gateways: Iterable[str]) -> str:
    """By gateway and answer, whichever service it was sent to."""
    grown = _grown(REQUESTS, window, scope, 'reporter="source"', _sent_by(gateways))
    return f"({once(_SENT, grown)} > 0)"


def _sent_times(window: str, scope: Scope, gateways: Iterable[str]) -> str:
    """Their buckets by gateway, the empty ones too: see `durations`."""
    labels = ("source_workload", "source_workload_namespace")
    sent = ('reporter="source"', _sent_by(gateways))
    rarer = lacked(labels, _seen_in(window), scope, *sent)
    return f"({_timed(labels, window, scope, *sent)} unless {rarer})"


def requests(window: str, scope: Scope = ALL, silent: Iterable[str] = ()) -> str:
    """Requests of the last `window` by everything that tells errors and services apart.

    Those of the workloads that are `silent` by caller as well, as those who answered count them.
    """
    counted = f"{once(REQUEST_LABELS, _grown(REQUESTS, window, scope))} > 0"
    of = tuple(silent)
    if not of:
        return counted
    grown = _grown(REQUESTS, window, scope, _SERVED, _sent_by(of))
    return f"{counted} or {once((*REQUEST_LABELS, 'source_workload'), grown)} > 0"


def calls(window: str, scope: Scope = ALL) -> str:
    """The same by caller and by how the connection was secured, asked only where wanted."""
    labels = (*REQUEST_LABELS, "source_workload", "connection_security_policy")
    return f"{once(labels, _grown(REQUESTS, window, scope))} > 0"


def durations(
    window: str, scope: Scope = ALL, silent: Iterable[str] = (), passing: Iterable[str] = ()
) -> str:
    """Buckets of the last `window`, by service, version and reporter; of the `silent` by caller as
    well, where they have none of their own, and of the `passing`, as waypoints count them.

    All buckets of a histogram that counted anything, the empty ones too: a quantile lies between
    two bounds, and without the lower one it would lie between 0 and the upper.
    """
    timed = _timed(_SERVICE, window, scope)
    by_caller = (*_SERVICE, "source_workload")
    through = tuple(passing)
    if through:
        passed = _timed(by_caller, window, scope, 'reporter="waypoint"', _sent_by(through))
        timed = f"{timed} or {passed}"
    of = tuple(silent)
    rarer = lacked(_SERVICE, _seen_in(window), scope)
    if not of:
        return f"({timed}) unless ignoring (source_workload) {rarer}"
    named = _sent_by(of)
    own = scope.mesh(BUCKETS, 'reporter="source"', 'le="+Inf"', named)
    served = _timed(by_caller, window, scope, _SERVED, named)
    theirs = f"{served} unless on ({', '.join(_CALLER)}) (increase({own}[{window}]) > 0)"
    return f"({timed} or {theirs}) unless ignoring (source_workload) {rarer}"


def _timed(by: Iterable[str], window: str, scope: Scope, *more: str) -> str:
    labels = ", ".join(by)
    counted = _counted(scope.mesh(BUCKETS, *more, 'le="+Inf"'), window)
    return (
        f"{once((*by, 'le'), _grown(BUCKETS, window, scope, *more))}"
        f" and ignoring (le) sum by ({labels}) ({counted}) > 0"
    )


def before(scope: Scope = ALL) -> str:
    """Buckets of the hour that ended a while ago, by service, version and reporter."""
    over = f"[{HOUR_S:.0f}s] offset {BEFORE_S:.0f}s"
    counted = once((*_SERVICE, "le"), f"increase({scope.mesh(BUCKETS)}{over})")
    return f"{counted} unless {lacked(_SERVICE, f'count_over_time({{}}{over})', scope)}"


def _seen_in(window: str) -> str:
    return f"count_over_time({{}}[{window}])"


def lacked(by: Iterable[str], over: str, scope: Scope, *more: str) -> str:
    """The bounds that some of the histograms lack which are summed `by` these labels.

    `over` has the place of the counter. Proxies may have bounds of their own; at a bound that one
    of them lacks, its requests would be missing from the sum and count as slower.
    """
    labels = ", ".join(by)
    there = over.format(scope.mesh(BUCKETS, *more))
    whole = over.format(scope.mesh(BUCKETS, *more, 'le="+Inf"'))
    return (
        f"(count by (le, {labels}) ({there})"
        f" < ignoring (le) group_left () count by ({labels}) ({whole}))"
    )


def requests_and_connections(window: str, scope: Scope = ALL, silent: Iterable[str] = ()) -> str:
    """The requests, and beside them, by counter, the connections that are no HTTP."""
    return f"{requests(window, scope, silent)} or {_connections(window, scope)}"


def once(labels: Iterable[str], counted: str) -> str:
    """The sum of `counted` by `labels`, in which each proxy counts once.

    The same proxy may be scraped by two jobs (a ServiceMonitor beside the annotations), at two
    ports (15020 and 15090), or by two replicas of one Prometheus. It is known by its address.
    Where an instance is no address, each job's are proxies of their own.
    """
    target = ", ".join((*labels, "cluster", *_SCRAPES))
    return f"sum without (cluster, {_PROXY}) ({_at_most_once(f'sum by ({target}) ({counted})')})"


def _at_most_once(scraped: str) -> str:
    """Of all the scrapes of a proxy the one that counted most."""
    return f"max without ({', '.join(_SCRAPES)}) ({_named(scraped)})"


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


def _sent_by(names: Iterable[str]) -> str:
    """A matcher for these workloads, or for all where there are many: it stands in a query often,
    and what others sent is passed over by who reads the answer.
    """
    matcher = f"source_workload=~{_any_of(names)}"
    return matcher if len(matcher) < _LONGEST_MATCHER else 'source_workload=~".*"'


_LONGEST_MATCHER = 160


def _any_of(values: Iterable[str]) -> str:
    """A quoted regular expression for exactly these values."""
    # re.escape also escapes what RE2 takes literally; RE2 accepts that for punctuation only.
    escaped = (re.sub(r"([\\.+*?()|\[\]{}^$])", r"\\\1", value) for value in sorted(set(values)))
    return json.dumps("|".join(escaped), ensure_ascii=False)

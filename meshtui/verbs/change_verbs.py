"""The verbs that change the mesh."""

from __future__ import annotations

from meshtui.verbs.values import (
    DURATION,
    HEADER,
    ISTIO_DURATION,
    PERCENT,
    STATUS,
    TIME_LIMIT,
    WEIGHT,
    WHOLE,
)
from meshtui.verbs.verb import CHANGES, Example, Parameter, Verb

FAULT_LIMIT_S = 900.0
"""How long a fault lasts where nothing is said."""

SHIFT = Verb(
    "shift",
    "set weights: V=W …; the versions not named share the rest",
    (
        Parameter(
            "weights", "versions and weights", WEIGHT, "V=W", positional=True, many=True, place=1
        ),
    ),
    group=CHANGES,
    needs="service",
    rule=True,
    line=True,
    examples=(
        Example("v1=80 v3=20", "Four fifths to v1, one fifth to v3."),
        Example("v3=5", "5 % to v3; the others share the rest in proportion."),
    ),
)

PROMOTE = Verb(
    "promote",
    "all traffic to one version",
    (Parameter("version", "the version", placeholder="V", positional=True, place=1),),
    group=CHANGES,
    needs="service",
    rule=True,
    line=True,
    examples=(
        Example("v2", "All traffic to v2."),
        Example("v2 --dry-run", "The change as a diff; nothing is written."),
    ),
)

ROLLBACK = Verb(
    "rollback",
    "all traffic to stable, mirrors and faults off",
    (
        Parameter(
            "to",
            "the version to go back to, whatever is taken for stable",
            placeholder="V",
            default="",
            place=1,
        ),
        Parameter(
            "everywhere",
            "also in the other rules and objects that use the service, as one change",
            None,
            default=False,
        ),
    ),
    group=CHANGES,
    needs="service",
    rule=True,
    line=True,
    examples=(
        Example("", "All traffic to the version that is taken for stable, and why."),
        Example("--to v1", "All traffic to v1."),
        Example("--everywhere", "Header-matched testers and the edge's own rules too."),
    ),
)

UNDO = Verb(
    "undo",
    "take back the last change, or the one named",
    (
        Parameter(
            "change",
            "the identity of a change",
            placeholder="CHANGE",
            default="",
            positional=True,
            optional=True,
            place=1,
        ),
    ),
    group=CHANGES,
    line=True,
    examples=(
        Example("", "The last change that stands."),
        Example("--dry-run", "The same as a diff; nothing is written."),
        Example("20260314-031502-3f2a", "One change, as `meshtui journal` names it."),
    ),
)

MIRROR = Verb(
    "mirror",
    "copy traffic to a version",
    (
        Parameter("to", "the version that gets the copies", placeholder="V", default="", place=1),
        Parameter("percent", "of the rule's requests", PERCENT, "100", 100.0, "100", place=2),
        Parameter(
            "for",
            "then taken off again; none: never",
            TIME_LIMIT,
            "2h",
            None,
            "none",
            setting="mirror_for",
        ),
    ),
    group=CHANGES,
    needs="service",
    rule=True,
    off="no mirror any more",
    line=True,
    examples=(
        Example("--to v2 --percent 50 --for 2h", "Copy half of the requests to v2 for two hours."),
        Example("--off", "No copies any more."),
    ),
)

FAULT = Verb(
    "fault",
    "inject delays and aborts",
    (
        Parameter("delay", "delay requests by this time", DURATION, "3s"),
        Parameter(
            "delay-percent",
            "of the requests are delayed",
            PERCENT,
            "50",
            100.0,
            "100",
            after="delay",
        ),
        Parameter("abort", "answer with this HTTP or gRPC status", STATUS, "503|UNAVAILABLE"),
        Parameter(
            "abort-percent",
            "of the requests are aborted",
            PERCENT,
            "10",
            100.0,
            "100",
            after="abort",
        ),
        Parameter("header", "only requests with this header", HEADER, "K=V"),
        Parameter(
            "for",
            "then taken off again; none: never",
            TIME_LIMIT,
            "15m",
            FAULT_LIMIT_S,
            "15m",
            setting="fault_for",
        ),
    ),
    group=CHANGES,
    needs="service",
    rule=True,
    off="no fault any more",
    line=True,
    examples=(
        Example("--delay 3s --delay-percent 50", "Delay half of the requests for 15 minutes."),
        Example(
            "--abort 503 --abort-percent 10 --header x-chaos=true",
            "Abort a tenth of the requests with this header.",
        ),
    ),
)

TIMEOUT = Verb(
    "timeout",
    "limit the time of a request, and how it is retried",
    (
        Parameter(
            "duration",
            "the time limit of a request",
            DURATION,
            "10s",
            positional=True,
            optional=True,
            place=1,
        ),
        Parameter("retries", "attempts after the first; 0 for none", WHOLE, "3"),
        Parameter("per-try", "the time limit of each attempt", DURATION, "3s"),
        Parameter("retry-on", "conditions and status codes", placeholder="5xx,reset", word="on"),
    ),
    group=CHANGES,
    needs="service",
    rule=True,
    off="no timeout and no retry policy any more",
    line=True,
    examples=(
        Example(
            "10s --retries 3 --per-try 2s --retry-on 5xx", "10 s in all, three retries of 2 s each."
        ),
        Example("--off", "No timeout and no retry policy of the rule's own."),
    ),
)

BREAKER_COUNTS = (
    ("max-connections", "TCP connections of a client to the host"),
    ("max-pending", "requests that wait for a connection"),
    ("max-requests", "requests at a time"),
    ("max-requests-per-connection", "requests before a connection is closed"),
    ("max-retries", "retries at a time"),
    ("consecutive-5xx", "5xx answers in a row that eject a pod; 0 switches it off"),
    ("consecutive-gateway", "gateway errors in a row that eject a pod; 0 switches it off"),
    ("max-ejection-percent", "percent of the pods that may be ejected"),
    ("min-health-percent", "percent of healthy pods below which none is ejected"),
)
BREAKER_TIMES = (
    ("interval", "time between two sweeps of the ejection"),
    ("base-ejection", "how long a pod is ejected the first time"),
)

BREAKER = Verb(
    "breaker",
    "connection pool limits and outlier detection",
    (
        Parameter(
            "subset",
            "only this subset, or host outside of the cluster",
            placeholder="V",
            default="",
        ),
        *(Parameter(name, text, WHOLE, "N") for name, text in BREAKER_COUNTS),
        *(Parameter(name, text, ISTIO_DURATION, "10s") for name, text in BREAKER_TIMES),
    ),
    group=CHANGES,
    needs="service",
    off="no limits and no outlier detection any more",
    line=True,
    examples=(
        Example(
            "--subset v3 --max-connections 100", "At most 100 connections of each client to v3."
        ),
        Example("--off", "No limits of the host's own."),
    ),
)

ADOPT = Verb(
    "adopt",
    "make the rules of a service, or add the versions that they lack",
    (
        Parameter(
            "stable", "the version that gets all the traffic", placeholder="V", default="", place=1
        ),
        Parameter(
            "gateway-api",
            "make a Service for each version and an HTTPRoute instead; without --stable each "
            "version gets the share of its ready pods",
            None,
            default=False,
        ),
    ),
    group=CHANGES,
    needs="service",
    line=True,
    examples=(
        Example("--stable v1", "DestinationRule and VirtualService; all traffic to v1."),
        Example("--gateway-api", "A Service for each version, and an HTTPRoute over them."),
        Example("--dry-run", "What would be made; nothing is written."),
    ),
)

EDIT = Verb(
    "edit",
    "an object in $EDITOR",
    (
        Parameter(
            "object",
            "vs/NAME, dr/NAME, route/NAME, or a service",
            placeholder="OBJECT",
            positional=True,
            default="",
            place=1,
        ),
    ),
    group=CHANGES,
    line=True,
    examples=(
        Example("dr/reviews", "The DestinationRule reviews, diffed before it is written."),
        Example("vs/reviews -n default", "The VirtualService of a namespace."),
    ),
)

HOW = (
    Parameter(
        "dry-run", "show the change and ask the API server, write nothing", None, default=False
    ),
    Parameter("yes", "ask no question; what is dangerous is refused", None, default=False),
    Parameter("force", "accept what is dangerous too", None, default=False),
    Parameter(
        "window",
        "how long to watch the sidecars before the plan, less where a rollback is sound before;"
        " a Prometheus knows the past",
        DURATION,
        "2s",
        2.0,
        "2s",
    ),
    Parameter("no-verify", "do not ask the proxies", None, default=False),
    Parameter(
        "all-clusters",
        "in each cluster of --context that has the service, or in none of them",
        None,
        default=False,
    ),
    Parameter("timeout", "how long to wait for the proxies", DURATION, "10s", 10.0, "10s"),
    Parameter(
        "measure",
        "then count requests for so long: each version's share against its weight",
        DURATION,
        "30s",
    ),
)
"""What every verb that changes takes on the command line."""

VERBS = (SHIFT, PROMOTE, ROLLBACK, UNDO, MIRROR, FAULT, TIMEOUT, BREAKER, ADOPT, EDIT)

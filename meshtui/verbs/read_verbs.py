"""The verbs that only read."""

from __future__ import annotations

from dataclasses import replace

from meshtui.verbs.log_filter import TERMS, WHERE
from meshtui.verbs.values import (
    COUNT,
    DURATION,
    FREE,
    HEADER,
    LOAD_RATE,
    METHOD,
    PATH,
    PORT,
    TEXT,
)
from meshtui.verbs.verb import Example, Parameter, Verb

WINDOW = Parameter("window", "time between two readings of the sidecars", DURATION, "5s", 5.0, "5s")
SERVICE = Parameter("service", "only this one", TEXT, "SERVICE", "", positional=True, optional=True)

SERVICES = Verb(
    "services",
    "weights and golden signals per version, one sample",
    (
        SERVICE,
        WINDOW,
        Parameter(
            "reporter",
            "source: what callers saw; destination: what the versions did themselves",
            default="source",
            default_text="source",
            choices=("source", "destination"),
        ),
    ),
    examples=(
        Example("reviews", "One service."),
        Example("-A -o json", "All services of the mesh, as JSON."),
    ),
)

LOGS = Verb(
    "logs",
    "access logs of a service",
    (
        Parameter("version", "only the pods of this version", placeholder="V", default=""),
        Parameter("follow", "go on with what comes", None, short="f", default=False),
        Parameter("tail", "lines of each pod", COUNT, "N", default_text="200"),
        Parameter("since", "not older than this", DURATION, "15m"),
        Parameter("previous", "of the proxies before a restart", None, default=False),
        Parameter("callers", "with what its callers' proxies say of it", None, default=False),
        Parameter("code", "only these codes", FREE, "503|5xx|!200", ""),
        Parameter("flag", "only these response flags", FREE, "UO|any", ""),
        Parameter("path", "with *: the whole path", FREE, "/x*", ""),
        Parameter("method", "only this method", FREE, "GET", ""),
        Parameter("slower", "only slower than this", FREE, "200ms", ""),
        Parameter("grep", "lines that match, in RE2's syntax", FREE, "RE", ""),
        Parameter("filter", 'the words of the screen: "code:5xx >200ms !x"', FREE, "EXPR", ""),
        Parameter("app", "with the logs of its programs beside the proxies'", None, default=False),
        Parameter("container", "with the log of this container", TEXT, "NAME", many=True),
        Parameter("template", "each line by its fields: '{time} {pod} {status}'", FREE, "T", ""),
        Parameter("highlight", "mark what matches, in RE2's syntax", FREE, "RE", ""),
        Parameter("raw", "lines as they were written", None, default=False),
    ),
    needs="service",
    line=True,
    own_words=True,
    examples=(
        Example("-f --code 5xx", "Follow what fails."),
        Example("--filter 'flag:UO path:/x* >200ms'", "The screen's filter."),
        Example("--app --highlight 'ERROR|WARN' -f", "With what its programs write, by time."),
        Example("--template '{time} {pod} {status} {duration:>7} {path}'", "The fields one wants."),
    ),
    language=(
        ("EXPR", WHERE),
        *((term.words, term.does) for term in TERMS.values()),
    ),
)

PROXY = Verb(
    "proxy",
    "what a pod's proxy really does",
    (
        Parameter(
            "what",
            "what of one proxy; diff: the SERVICE's rules against its callers; 1 if any differs",
            positional=True,
            choices=("routes", "clusters", "endpoints", "listeners", "dump", "diff"),
        ),
        Parameter(
            "pod",
            "whose proxy: a POD or the beginning of its name, POD.NAMESPACE, a workload, or a "
            "SERVICE with one workload. For diff always a SERVICE: the proxies of its callers",
            TEXT,
            "POD|SERVICE",
            positional=True,
        ),
        Parameter("fqdn", "only hosts with this in their name", FREE, "HOST", ""),
        Parameter("port", "only this port", PORT, "N", 0),
        Parameter("subset", "only this subset", FREE, "V", ""),
        Parameter("direction", "only this one", default="", choices=("inbound", "outbound")),
        Parameter("name", "only the route table, listener or cluster of this name", FREE, "X", ""),
        Parameter("file", "dump: a new file, or - for standard output", TEXT, "F", ""),
    ),
    examples=(
        Example("routes productpage-v1 --fqdn reviews", "What a proxy really routes to a host."),
        Example("endpoints productpage-v1 --subset v3 --port 9080", "As `istioctl proxy-config`."),
        Example("diff reviews", "The rules of a service against every client's proxy."),
    ),
)

STATUS = Verb(
    "status",
    "each proxy of the mesh: version, in sync by type, the last refused configuration",
    (SERVICE,),
    examples=(
        Example("", "Every proxy, as istiod has it; -n NS: those of a namespace."),
        Example("reviews -o json", "The proxies of a service's pods, as JSON."),
    ),
)

PODS = Verb(
    "pods",
    "ready, restarts and why, age, node, and how the proxy of each pod stands",
    (SERVICE,),
    examples=(
        Example("reviews", "The pods of a service."),
        Example("-A -o json", "All pods that may be read, as JSON."),
    ),
)

TRACE = Verb(
    "trace",
    "which rule takes a request, by the objects and by each proxy",
    (
        Parameter("path", "the path with its query", PATH, "/x?y=z", "/", "/", place=2),
        Parameter("method", "the method", METHOD, "GET", "GET", "GET", place=1),
        Parameter("host", "the Host header", TEXT, "HOST[:PORT]", ""),
        Parameter(
            "scheme",
            "of the request",
            default="http",
            default_text="http",
            choices=("http", "https"),
        ),
        Parameter("header", "repeatable", HEADER, "K=V", many=True),
        Parameter("from", "only this caller", TEXT, "WORKLOAD|gateway", ""),
        Parameter("port", "the service's port", PORT, "N", 0),
        Parameter("sni", "the server name that a TLS client asks for", TEXT, "NAME", ""),
    ),
    needs="service",
    line=True,
    own_words=True,
    examples=(
        Example("--path /x --header k=v", "Where this request goes."),
        Example("--from gateway", "As the ingress gateway routes it."),
    ),
)

REQUEST = Verb(
    "request",
    "one real request from inside the mesh: the answer, who gave it, and what trace foretold",
    (
        *(TRACE.parameter(name) for name in ("path", "method", "host", "header")),
        Parameter("from", "who sends it", TEXT, "WORKLOAD|POD|gateway", ""),
        TRACE.parameter("port"),
        Parameter("timeout", "how long to wait for the answer", DURATION, "10s", 10.0, "10s"),
        Parameter("wait", "how long to look for it in the logs", DURATION, "3s", 3.0, "3s"),
        Parameter("force", "send a method that is not safe without asking", None, default=False),
    ),
    needs="service",
    examples=(
        Example("--path /reviews/0", "By the first of its callers."),
        Example("--from productpage-v1 --header end-user=jason", "By this caller."),
    ),
)

LOAD = Verb(
    "load",
    "a bounded load from inside the mesh: codes, times, and what the caller's proxy made of it",
    (
        Parameter(
            "rps", "requests per second, at most 1000", LOAD_RATE, "N", required=True, place=1
        ),
        Parameter("for", "how long, at most 10m", DURATION, "30s", required=True, place=2),
        Parameter("concurrency", "connections at a time, at most 200", COUNT, "N", 16, "16"),
        replace(REQUEST.parameter("path"), place=4),
        replace(REQUEST.parameter("method"), place=3),
        *(REQUEST.parameter(name) for name in ("host", "header")),
        *(REQUEST.parameter(name) for name in ("from", "port", "timeout")),
        Parameter(
            "by",
            "what makes it, where the caller has several",
            default="",
            choices=("python3", "curl", "wget", "forward"),
        ),
        Parameter("yes", "no question", None, default=False),
        REQUEST.parameter("force"),
    ),
    needs="service",
    line=True,
    own_words=True,
    examples=(
        Example("--rps 50 --for 30s", "By the first of its callers."),
        Example("--rps 200 --for 10s --concurrency 64 --yes", "What a breaker's limits do."),
    ),
)

SIGNALS = Verb(
    "signals",
    "what is wrong with a service, in words: its errors, what they mean, what to do next",
    (
        Parameter("version", "only this version", TEXT, "V", ""),
        WINDOW,
    ),
    needs="service",
    line=True,
    own_words=True,
    examples=(
        Example("--window 10s", "The service and each of its versions."),
        Example("--version v3 -o json", "One version, as JSON."),
    ),
)

EXPOSURE = Verb(
    "exposure",
    "how traffic from outside gets to a service, and which rate limits stand in its way",
    (SERVICE, WINDOW),
    line=True,
    own_words=True,
    examples=(
        Example("reviews", "One service."),
        Example("-A -o json", "All ways in and all limits, as JSON."),
    ),
)

GRAPH = Verb(
    "graph",
    "who calls whom: callers, versions, rates, errors and mutual TLS",
    (SERVICE, WINDOW),
    line=True,
    own_words=True,
    examples=(
        Example("reviews", "Who calls one service, and what it calls."),
        Example("-A -o json", "All calls of the mesh, as JSON."),
    ),
)

ANALYZE = Verb(
    "analyze",
    "what is wrong with the rules as written; status 0 whatever is found",
    (Parameter("hints", "also what is often meant so: subsets nobody uses", None, default=False),),
    line=True,
    own_words=True,
    examples=(
        Example("-A", "The whole mesh."),
        Example("-n default -o json", "One namespace, as JSON with `counts` by severity."),
    ),
)

JOURNAL = Verb(
    "journal",
    "every change that you made from this machine",
    (
        SERVICE,
        Parameter("since", "not older than this", DURATION, "2h"),
        Parameter("who", "only of this person", TEXT, "NAME", ""),
        Parameter("limit", "at most so many", COUNT, "N", 50, "50"),
    ),
    line=True,
    own_words=True,
    examples=(
        Example("reviews --since 2h", "What was changed lately."),
        Example("--who ann -o json", "What one person changed, as JSON."),
    ),
)

KEEP = Verb(
    "keep",
    "take back faults and mirrors when their time is over, until ^C",
    (
        Parameter("once", "what is over now, then exit (cron)", None, default=False),
        Parameter("every", "time between two checks", DURATION, "1s", 1.0, "1s"),
    ),
    examples=(
        Example("--once", "For cron."),
        Example("--every 5s", "In the background, until it is ended."),
    ),
)

DOCTOR = Verb(
    "doctor",
    "what works on this cluster, what does not and what to do, and what is overdue",
    examples=(
        Example("", "Rights, telemetry, proxies, limits."),
        Example("-o json", "The same as JSON, with what to do."),
    ),
)

COMPLETION = Verb(
    "completion",
    "print a script that completes commands, options, services, versions, namespaces and contexts",
    (Parameter("shell", "whose script", positional=True, choices=("bash", "zsh", "fish")),),
    examples=(
        Example("bash", "source <(meshtui completion bash) in ~/.bashrc."),
        Example("fish", "meshtui completion fish | source in config.fish; zsh as bash."),
    ),
)

CONFIG = Verb(
    "config",
    "the settings and where each comes from, the path of the file, or a starter file",
    (
        Parameter(
            "what",
            "init: a file with every setting as a comment",
            positional=True,
            choices=("show", "path", "init"),
        ),
        Parameter("force", "init: write over a file that is there", None, default=False),
    ),
    examples=(
        Example("show", "Each setting, its value, and the line or variable that it is from."),
        Example("init", "~/.config/meshtui/config.yaml, unless there is one."),
    ),
)

MAN = Verb(
    "man",
    "print the manual page",
    examples=(
        Example("| man -l -", "To read it."),
        Example("> meshtui.1", "For `man ./meshtui.1`, or for a folder of `manpath`."),
    ),
)

VERBS = (
    *(SERVICES, LOGS, PROXY, STATUS, PODS, TRACE, REQUEST, LOAD),
    *(SIGNALS, EXPOSURE, GRAPH, ANALYZE, JOURNAL, KEEP, DOCTOR, COMPLETION, CONFIG, MAN),
)

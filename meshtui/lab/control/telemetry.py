"""Istio's metrics and access log, made by Envoy itself: names, labels, buckets and formats.

The client's sidecar tells the server's who it is in headers, as Istio's proxies do; the server's
sidecar takes them off before the application sees them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from meshtui.lab.contract import Obj
from meshtui.lab.control.counting import CLIENT, SERVER
from meshtui.lab.control.world import Endpoint, Proxy, Service

STATS_PREFIX = "istiocustom"
"""Scope of Istio's own metrics; a pod's 15020 and 15090 serve them without it."""

UNKNOWN = "unknown"
UNKNOWN_VARIABLE = "MESHTUI_UNKNOWN"
"""Envoy's formats have no literals to fall back to; this environment variable holds `unknown`."""

BUCKETS = (
    0.5, 1, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000, 30000, 60000,
    300000, 600000, 1800000, 3600000,
)  # fmt: skip

PEER_FACTS = (
    "workload",
    "workload_namespace",
    "app",
    "version",
    "canonical_service",
    "canonical_revision",
)
ENDPOINT_FACTS = ("workload", "workload_namespace", "canonical_service", "canonical_revision")
"""What a client knows of a server before it has answered."""

ANSWERED_FACTS = ("app", "version")
"""What it knows from the answer alone."""

_HTTP = "type.googleapis.com/envoy.extensions.filters.http"
ANSWER = "lab.answer"
"""The metadata namespace of what a server says of itself."""

PEER = "lab.peer"
"""The metadata namespace the labels are read from."""

_TEXT_FORMAT = (
    '[%START_TIME%] "%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%" %RESPONSE_CODE% '
    "%RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS% %CONNECTION_TERMINATION_DETAILS% "
    '"%UPSTREAM_TRANSPORT_FAILURE_REASON%" %BYTES_RECEIVED% %BYTES_SENT% %DURATION% '
    '%RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% "%REQ(X-FORWARDED-FOR)%" "%REQ(USER-AGENT)%" '
    '"%REQ(X-REQUEST-ID)%" "%REQ(:AUTHORITY)%" "%UPSTREAM_HOST%" %UPSTREAM_CLUSTER_RAW% '
    "%UPSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_REMOTE_ADDRESS% "
    "%REQUESTED_SERVER_NAME% %ROUTE_NAME%\n"
)


def peer_facts(labels: Mapping[str, str], workload: str, namespace: str) -> dict[str, str]:
    """What telemetry says about one side of a request."""
    return {
        "workload": workload,
        "workload_namespace": namespace,
        "app": labels.get("app", UNKNOWN),
        "version": labels.get("version", UNKNOWN),
        "canonical_service": _first_label(labels, _NAMES) or workload,
        "canonical_revision": _first_label(labels, _REVISIONS) or "latest",
    }


_NAMES = ("service.istio.io/canonical-name", "app.kubernetes.io/name", "app")
_REVISIONS = ("service.istio.io/canonical-revision", "app.kubernetes.io/version", "version")


def _first_label(labels: Mapping[str, str], names: tuple[str, ...]) -> str:
    return next((labels[name] for name in names if labels.get(name)), "")


def endpoint_metadata(endpoint: Endpoint) -> Obj:
    """Metadata of an endpoint: istiod's one line, and the same facts one by one for the labels.

    App and version are not among them: those a server says itself, with its answer.
    """
    facts = peer_facts(endpoint.labels, endpoint.workload, endpoint.namespace)
    known = {fact: facts[fact] for fact in ENDPOINT_FACTS}
    revision = known["canonical_revision"] if endpoint.labelled else ""
    line = (endpoint.workload, endpoint.namespace, known["canonical_service"], revision)
    return {"istio": {"workload": ";".join((*line, "Kubernetes"))}, PEER: known}


def service_metadata(host: str, name: str, namespace: str) -> Obj:
    """Metadata of a cluster: which service it is part of."""
    facts = {"host": host, "name": name, "namespace": namespace}
    return {"istio": {"services": [facts]}, PEER: facts}


def access_logs(proxy: Proxy, inbound_service: Service | None, inbound: bool) -> list[Obj]:
    """What a listener logs: a line on stdout, and Istio's metrics."""
    tags = _destination_tags(proxy, inbound_service) if inbound else _source_tags(proxy)
    silent = (SERVER if inbound else CLIENT) in proxy.silent
    return [_line(), *(() if silent else (_metrics(tags | _request_tags()),))]


def connection_logs(proxy: Proxy) -> list[Obj]:
    """What a chain of connections logs: its end in a line, and Istio's metrics of both ends."""
    tags = _source_tags(proxy, of_requests=False) | _connection_tags()
    listed = [{"name": name, "value_format": value} for name, value in sorted(tags.items())]
    opened = [_counter("connections_opened", listed, value_fixed="1")]
    closed = [
        _counter("connections_closed", listed, value_fixed="1"),
        _counter("received_bytes", listed, value_format="%BYTES_RECEIVED%"),
        _counter("sent_bytes", listed, value_format="%BYTES_SENT%"),
    ]
    return [
        _line() | _only("TcpConnectionEnd"),
        _stats(opened) | _only("TcpUpstreamConnected"),
        _stats(closed) | _only("TcpConnectionEnd"),
    ]


def _counter(name: str, tags: list[Obj], **value: str) -> Obj:
    return {"stat": {"name": f"istio_tcp_{name}_total", "tags": tags}, **value}


def _only(event: str) -> Obj:
    return {"filter": {"log_type_filter": {"types": [event]}}}


def _connection_tags() -> dict[str, str]:
    return {
        "source_principal": UNKNOWN,
        "destination_principal": UNKNOWN,
        "source_cluster": "Kubernetes",
        "destination_cluster": "Kubernetes",
        "request_protocol": "tcp",
        "response_flags": "%RESPONSE_FLAGS%",
    }


def _line() -> Obj:
    return {
        "name": "envoy.access_loggers.file",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog",
            "path": "/dev/stdout",
            "log_format": {"text_format_source": {"inline_string": _TEXT_FORMAT}},
        },
    }


def _first_of(*operators: tuple[str, str]) -> str:
    """The first operator that gives something, else `unknown`."""
    chain = [*operators, ("ENVIRONMENT", UNKNOWN_VARIABLE)]
    entries = [{"command": command, "param": param} for command, param in chain]
    return f"%COALESCE({json.dumps({'operators': entries}, separators=(',', ':'))})%"


def _source_tags(proxy: Proxy, of_requests: bool = True) -> dict[str, str]:
    """Only who answers a request says its app and version."""
    own = peer_facts(proxy.labels, proxy.workload, proxy.namespace)
    host = [("REQ", ":AUTHORITY")] if of_requests else []
    return {
        "reporter": "source",
        **{f"source_{fact}": own[fact] for fact in PEER_FACTS},
        **{
            f"destination_{fact}": _first_of(("UPSTREAM_METADATA", f"{PEER}:{fact}"))
            for fact in ENDPOINT_FACTS
        },
        **{
            f"destination_{fact}": _first_of(("DYNAMIC_METADATA", f"{ANSWER}:{fact}"))
            if of_requests
            else UNKNOWN
            for fact in ANSWERED_FACTS
        },
        "destination_service": _first_of(("CLUSTER_METADATA", f"{PEER}:host"), *host),
        "destination_service_name": _first_of(("CLUSTER_METADATA", f"{PEER}:name"), *host),
        "destination_service_namespace": _first_of(("CLUSTER_METADATA", f"{PEER}:namespace")),
        "connection_security_policy": UNKNOWN,
    }


def _destination_tags(proxy: Proxy, service: Service | None) -> dict[str, str]:
    own = peer_facts(proxy.labels, proxy.workload, proxy.namespace)
    return {
        "reporter": "destination",
        **{
            f"source_{fact}": _first_of(("DYNAMIC_METADATA", f"{PEER}:{fact}"))
            for fact in PEER_FACTS
        },
        **{f"destination_{fact}": own[fact] for fact in PEER_FACTS},
        "destination_service": service.host if service else UNKNOWN,
        "destination_service_name": service.name if service else UNKNOWN,
        "destination_service_namespace": service.namespace if service else proxy.namespace,
        "connection_security_policy": "none",
    }


def _request_tags() -> dict[str, str]:
    return {
        "source_principal": UNKNOWN,
        "destination_principal": UNKNOWN,
        "source_cluster": "Kubernetes",
        "destination_cluster": "Kubernetes",
        "request_protocol": "http",
        "response_code": "%RESPONSE_CODE%",
        "grpc_response_status": "%GRPC_STATUS_NUMBER%",
        "response_flags": "%RESPONSE_FLAGS%",
    }


def _metrics(tags: Mapping[str, str]) -> Obj:
    listed = [{"name": name, "value_format": value} for name, value in sorted(tags.items())]
    histograms = (
        ("istio_request_duration_milliseconds", "Milliseconds", "%DURATION%"),
        ("istio_request_bytes", "Bytes", "%BYTES_RECEIVED%"),
        ("istio_response_bytes", "Bytes", "%BYTES_SENT%"),
    )
    requests = {"stat": {"name": "istio_requests_total", "tags": listed}, "value_fixed": "1"}
    measured = [
        {"stat": {"name": name, "tags": listed}, "unit": unit, "value_format": value}
        for name, unit, value in histograms
    ]
    return _stats([requests], measured)


def _stats(counters: list[Obj], histograms: list[Obj] | None = None) -> Obj:
    return {
        "name": "envoy.access_loggers.stats",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.access_loggers.stats.v3.Config",
            "stat_prefix": STATS_PREFIX,
            "counters": counters,
            **({"histograms": histograms} if histograms else {}),
        },
    }


def announce_peer(proxy: Proxy) -> list[Obj]:
    """The HTTP filters of a client's proxy: they say who calls, and note who answered."""
    own = peer_facts(proxy.labels, proxy.workload, proxy.namespace)
    mutations = [
        {
            "append": {
                "header": {"key": _peer_header(fact), "value": own[fact]},
                "append_action": "OVERWRITE_IF_EXISTS_OR_ADD",
            }
        }
        for fact in PEER_FACTS
    ]
    announced = {
        "name": "istio.metadata_exchange.outbound",
        "typed_config": {
            "@type": f"{_HTTP}.header_mutation.v3.HeaderMutation",
            "mutations": {"request_mutations": mutations},
        },
    }
    rules = [_noted(_answer_header(fact), ANSWER, fact) for fact in ANSWERED_FACTS]
    received = {
        "name": "istio.metadata_exchange.answer",
        "typed_config": {
            "@type": f"{_HTTP}.header_to_metadata.v3.Config",
            "response_rules": rules,
        },
    }
    return [announced, received]


def _noted(header: str, namespace: str, fact: str) -> Obj:
    """A header that becomes metadata and goes no further."""
    return {
        "header": header,
        "on_header_present": {"metadata_namespace": namespace, "key": fact, "type": "STRING"},
        "remove": True,
    }


def read_peer(proxy: Proxy) -> Obj:
    """The HTTP filter of a server's proxy that notes who called and takes the headers off.

    Whoever says who calls is told who answers: those facts are noted at the same time.
    """
    own = peer_facts(proxy.labels, proxy.workload, proxy.namespace)
    answers = [
        {
            "header": _peer_header(fact),
            "on_header_present": {
                "metadata_namespace": ANSWER,
                "key": fact,
                "value": own[fact],
                "type": "STRING",
            },
        }
        for fact in ANSWERED_FACTS
    ]
    return {
        "name": "istio.metadata_exchange.inbound",
        "typed_config": {
            "@type": f"{_HTTP}.header_to_metadata.v3.Config",
            "request_rules": [
                *answers,
                *(_noted(_peer_header(fact), PEER, fact) for fact in PEER_FACTS),
            ],
        },
    }


def answer_headers() -> list[Obj]:
    """What a server's proxy adds to its answers to those who said who they are."""
    return [
        {
            "header": {
                "key": _answer_header(fact),
                "value": f"%DYNAMIC_METADATA({ANSWER}:{fact})%",
            },
            "append_action": "OVERWRITE_IF_EXISTS_OR_ADD",
        }
        for fact in ANSWERED_FACTS
    ]


def _peer_header(fact: str) -> str:
    return f"x-lab-peer-{fact.replace('_', '-')}"


def _answer_header(fact: str) -> str:
    return f"x-lab-answer-{fact}"

"""`meshtui graph`: a table and a document that are the same calls."""

from __future__ import annotations

from meshtui.cli.documents.graph import graph_json
from meshtui.cli.graph import _HEADER, _row, chosen
from meshtui.mesh.model import ServiceKey
from meshtui.mesh.signals import UNKNOWN
from tests.unit.test_graph import PAGE, REVIEWS, graph_of, nowhere, seen, served


def test_the_document_has_every_call_once_with_what_is_known_of_it() -> None:
    graph = graph_of(
        seen(40, response_code="503"), seen(60), served(100), nowhere(10, "NR"),
        seen(10, "ratings"),
        clients={REVIEWS: frozenset({PAGE, ("default", "lost")})},
        unread=frozenset({("default", "lost")}),
    )  # fmt: skip
    document = graph_json(0.0, None, graph.whole().callees)
    assert {one["name"]: one["kind"] for one in document["services"]} == {
        "reviews": "Service",
        "ratings": "Service",
    }
    assert document["services"][0]["rules"][0]["destinations"][0]["weight"] == 80
    ranked = sorted(
        document["calls"], key=lambda one: (one["service"]["name"], one["version"] or "")
    )
    _, lost, unreached, v1 = ranked
    assert v1 == {
        "caller": {
            "namespace": "default",
            "workload": "page-v1",
            "gateway": False,
            "service": "page",
            "version": "v1",
        },
        "service": {"namespace": "default", "name": "reviews"},
        "version": "v1",
        "rps": 10,
        "requests": 100,
        "error_ratio": 0.4,
        "codes": {"503": 40, "200": 60},
        "flags": {},
        "protocols": ["http"],
        "mutual_tls": 1,
        "counted_by": "caller",
        "state": "failing",
        "because": None,
    }
    assert (unreached["version"], unreached["flags"]) == (UNKNOWN, {"NR": 10})
    assert lost["version"] is lost["rps"] is lost["counted_by"] is None
    assert (lost["state"], lost["because"]) == ("unknown", "its proxies were not read")


def test_the_table_says_the_same() -> None:
    unnamed = {"source_workload": "unknown", "source_workload_namespace": "unknown"}
    graph = graph_of(seen(100), served(20, "none", **unnamed), nowhere(10, "NR"))
    callee = graph.of(REVIEWS)
    rows = [_row(callee, edge) for edge in callee.edges]
    assert all(len(row) == len(_HEADER) for row in rows)
    assert [" ".join(row) for row in rows] == [
        "page-v1.default reviews.default v1 10.0 0.0 http ? ok caller",
        "page-v1.default reviews.default (no pod reached) 1.0 100.0 http ? only errors caller",
        "(not known) reviews.default v1 2.0 0.0 http no ok server",
    ]


def test_a_namespace_has_the_calls_to_it_and_from_it() -> None:
    away = {"destination_service_namespace": "shop"}
    foreign = {"source_workload": "cron", "source_workload_namespace": "shop"}
    graph = graph_of(seen(10), seen(10, "cart", **away), seen(10, "cart", **away, **foreign))
    names = {
        ns: [one.key for one in chosen(graph, None, ns)] for ns in ("default", "shop", "", "x")
    }
    cart = ServiceKey("shop", "cart")
    assert names == {"default": [REVIEWS, cart], "shop": [cart], "": [REVIEWS, cart], "x": []}
    part = chosen(graph, None, "default")[1]
    assert [edge.caller.client for edge in part.edges] == [PAGE]
    assert [one.key for one in chosen(graph, REVIEWS, "default")] == [REVIEWS]

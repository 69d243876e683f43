"""Small meshes as people have them: several objects that speak for one service.

A mesh is a list of Istio objects for the namespace HERE, beside it FAR, and what a verb on
`reviews` must do there: change the traffic of the client in HERE, or be refused.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

Obj = dict[str, Any]
HERE, FAR = "HERE", "FAR"
"""Stand for the names of the two namespaces, in every string of an object."""

VERSIONS = ("v1", "v2", "v3")
FULL = f"reviews.{HERE}.svc.DOMAIN"


def route(*destinations: tuple[str, int], host: str = "reviews", **more: Any) -> Obj:
    entries = [
        {"destination": {"host": host, "subset": subset}, "weight": weight}
        for subset, weight in destinations
    ]
    return {"route": entries, **more}


SPLIT = route(("v1", 60), ("v2", 20), ("v3", 20))


def virtual_service(name: str, *rules: Obj, namespace: str = HERE, **spec: Any) -> Obj:
    return made("VirtualService", name, namespace, {"hosts": ["reviews"], "http": [*rules], **spec})


def destination_rule(name: str = "reviews", namespace: str = HERE, **spec: Any) -> Obj:
    subsets = [{"name": version, "labels": {"version": version}} for version in VERSIONS]
    content = {"host": "reviews", "subsets": subsets, **spec}
    return made("DestinationRule", name, namespace, content)


def made(kind: str, name: str, namespace: str, spec: Obj) -> Obj:
    meta = {"name": name, "namespace": namespace}
    return {"apiVersion": "networking.istio.io/v1", "kind": kind, "metadata": meta, "spec": spec}


EDGE = made(
    "Gateway",
    "edge",
    HERE,
    {
        "selector": {"istio": "ingressgateway"},
        "servers": [
            {
                "port": {"number": 8080, "name": "http", "protocol": "HTTP"},
                "hosts": [f"{HERE}.test"],
            }
        ],
    },
)


@dataclass(frozen=True, slots=True)
class LiveMesh:
    """`rule`: what `--rule` names. `refused`: the verbs that must write nothing, and a word of
    the reason of each. `edge`: the traffic of a verb is that of the gateway."""

    objects: tuple[Obj, ...]
    rule: str = ""
    edge: bool = False
    refused: dict[str, str] = field(default_factory=dict)


def all_but_rollback(reason: str) -> dict[str, str]:
    """A rollback goes on with the mesh's rule, and says what it does not reach."""
    return dict.fromkeys(("shift", "promote", "mirror", "fault", "timeout"), reason)


OTHER = route(("v3", 100))

EDGE_RULES = (
    EDGE,
    destination_rule(),
    virtual_service("reviews", {**SPLIT, "name": "in-mesh"}),
    virtual_service(
        "reviews-edge",
        {**SPLIT, "name": "at-edge"},
        hosts=[f"{HERE}.test"],
        gateways=["edge"],
    ),
)

MESHES: dict[str, LiveMesh] = {
    "ordinary": LiveMesh((destination_rule(), virtual_service("reviews", SPLIT))),
    "edge and mesh, which one not said": LiveMesh(EDGE_RULES, refused=all_but_rollback("--rule")),
    "edge and mesh, the mesh's": LiveMesh(EDGE_RULES, rule="in-mesh"),
    "edge and mesh, the edge's": LiveMesh(EDGE_RULES, rule="at-edge", edge=True),
    "two for one host, the first made counts": LiveMesh(
        (destination_rule(), virtual_service("b-first", SPLIT), virtual_service("a-second", OTHER))
    ),
    "a private one elsewhere": LiveMesh(
        (
            destination_rule(),
            virtual_service("reviews", SPLIT),
            virtual_service("mine", OTHER, namespace=FAR, hosts=[FULL], exportTo=["."]),
        )
    ),
    "a DestinationRule of the client's namespace": LiveMesh(
        (
            virtual_service("reviews", SPLIT),
            destination_rule(namespace=FAR, host=FULL, subsets=[]),
            destination_rule(),
        )
    ),
    "a ServiceEntry as a destination": LiveMesh(
        (
            destination_rule(),
            made(
                "ServiceEntry",
                "partner",
                HERE,
                {
                    "hosts": ["partner.test"],
                    "ports": [{"number": 9080, "name": "http", "protocol": "HTTP"}],
                    "resolution": "STATIC",
                    "endpoints": [{"address": "ADDRESS-OF-v3", "ports": {"http": 9080}}],
                },
            ),
            virtual_service(
                "reviews",
                {
                    "route": [
                        *route(("v1", 60), ("v2", 20))["route"],
                        {
                            "destination": {"host": "partner.test", "port": {"number": 9080}},
                            "weight": 20,
                        },
                    ]
                },
            ),
        )
    ),
    "a delegate holds the weights": LiveMesh(
        (
            destination_rule(),
            virtual_service("root", {"delegate": {"name": "weights", "namespace": HERE}}),
            made("VirtualService", "weights", HERE, {"http": [SPLIT]}),
        )
    ),
    "testers before the ordinary rule": LiveMesh(
        (
            destination_rule(),
            virtual_service(
                "reviews",
                route(("v3", 100), match=[{"headers": {"end-user": {"exact": "tester"}}}]),
                SPLIT,
            ),
        )
    ),
}

"""Which rows a service has, and which requests each of them got: layouts by labels and rules."""

from __future__ import annotations

from dataclasses import replace

import pytest

from meshtui.cli.documents.services import services_json
from meshtui.mesh.versions import pods_counted
from tests.unit.layouts import (
    SOURCES,
    Layout,
    Load,
    Sent,
    assert_rows,
    mesh_of,
    rule,
    seen,
    subset,
    to,
)
from tests.unit.objects import Obj, service

V1, V2, V3 = (Load(f"reviews-v{n}", {"version": f"v{n}"}) for n in (1, 2, 3))
OLD, NEW = Load("shop-old"), Load("shop-new", pods=2)
STABLE = Load("reviews", {"role": "stable"}, pods=2, template="aaaa")
CANARY = Load("reviews", {"role": "canary"}, template="bbbb")
HELM = {"version": "2024-06", "app.kubernetes.io/version": "1.9"}
HELM_A = Load("reviews-a", HELM)
HELM_B = Load("reviews-b", {"version": "2024-07", "app.kubernetes.io/version": "1.9"})
PRIMARY = Load("reviews-primary", {"track": "primary"}, pods=2)
TRIAL = Load("reviews-trial", {"track": "trial"})
AWAY = Load("reviews-away", app="away", namespace="other")
GONE = Load("reviews-v2", {"version": "v2"}, pods=0)
DEAD = Load("reviews-v2", {"version": "v2"}, ready=False)
V1_V2 = rule("reviews", subset("v1", version="v1"), subset("v2", version="v2"))
ROLES = rule("reviews", subset("stable", role="stable"), subset("canary", role="canary"))
HASHES = rule(
    "reviews",
    {"name": "now", "labels": {"pod-template-hash": "aaaa"}},
    {"name": "next", "labels": {"pod-template-hash": "bbbb"}},
)
SPLIT = (to("reviews", "v1", 80), to("reviews", "v2", 20))
TRACKS = (
    service("reviews-primary", track="primary"),
    service("reviews-trial", track="trial"),
)
ENTRY: Obj = {
    "metadata": {"name": "ext", "namespace": "default"},
    "spec": {
        "hosts": ["reviews.example.com"],
        "ports": [{"name": "http", "number": 9080, "protocol": "HTTP"}],
        "resolution": "DNS",
    },
}


def _ten(*loads: Load | None) -> list[Sent]:
    return [Sent(load, 10) for load in loads]


def layouts() -> list[Layout]:
    return [
        *_by_pods(),
        *_by_subsets(),
        *_mixed_up(),
        *_by_services(),
        *_refused(),
        *_combined(),
        *_untold(),
    ]


def _untold() -> list[Layout]:
    """A Telemetry (`tagOverrides`) or a relabelling has taken away who answered."""
    sent = [Sent(V1, 80, untold=True), Sent(V2, 20, code="503", untold=True)]
    told = [Sent(V1, 10), Sent(V2, 5)]
    both = {"v1": "telemetry can't tell it from v2", "v2": "telemetry can't tell it from v1"}
    return [
        Layout(
            "nobody says who answered",
            mesh_of([V1, V2], SPLIT, [V1_V2]),
            sent,
            [("v1", 80, 1, None, None), ("v2", 20, 1, None, None), ("v1 or v2", None, 0, 100, 20)],
            both,
        ),
        Layout(
            "some proxies say who answered",
            mesh_of([V1, V2], SPLIT, [V1_V2]),
            [*sent, *told],
            [("v1", 80, 1, None, None), ("v2", 20, 1, None, None), ("v1 or v2", None, 0, 115, 17)],
            both,
        ),
        Layout(
            "nobody says who answered, and no rule tells the pods apart",
            mesh_of([OLD, NEW]),
            sent,
            [
                ("shop-old", None, 1, None, None),
                ("shop-new", None, 2, None, None),
                ("shop-new or shop-old", None, 0, 100, 20),
            ],
            {
                "shop-old": "telemetry can't tell it from shop-new",
                "shop-new": "telemetry can't tell it from shop-old",
            },
        ),
        Layout(
            "nobody says who answered, and only one can have",
            mesh_of(
                [V1, V2], [to("reviews", "v1", 100)], [rule("reviews", subset("v1", version="v1"))]
            ),
            sent,
            [("v1", 100, 1, 100, 20), ("v2", 0, 1, 0, None)],
        ),
        Layout(
            "nobody says who answered, and no pod is left",
            mesh_of([]),
            sent,
            [("(not told apart)", None, 0, 100, 20)],
        ),
    ]


def _combined() -> list[Layout]:
    """Several of the kinds at once."""
    weights = [to("reviews-primary", "", 75), to("reviews-trial", "", 25)]
    helm = [replace(HELM_A, labels={**HELM_A.labels, "role": "stable"}, pods=2)]
    helm.append(replace(HELM_B, labels={**HELM_B.labels, "role": "canary"}))
    three = [to("reviews", "v1", 50), to("reviews", "v2", 30), to("reviews.example.com", "", 20)]
    plain = [replace(OLD, labels={"track": "primary"}), replace(NEW, labels={"track": "trial"})]
    return [
        Layout(
            "weights between services, one of which has no endpoint",
            mesh_of([PRIMARY, TRIAL], weights, services=TRACKS),
            [
                Sent(PRIMARY, 75, service="reviews-primary"),
                Sent(None, 25, service="reviews-trial", code="503", flags="UH"),
            ],
            [("reviews-primary", 75, 2, 75, 0), ("reviews-trial", 25, 1, 25, 100)],
        ),
        Layout(
            "weights between services whose pods have no version, and a failed connect",
            mesh_of(plain, weights, services=TRACKS),
            [
                Sent(plain[0], 75, service="reviews-primary"),
                Sent(plain[1], 20, service="reviews-trial"),
                Sent(plain[1], 5, service="reviews-trial", code="503", flags="UF", failed=True),
            ],
            [("reviews-primary", 75, 1, 75, 0), ("reviews-trial", 25, 2, 25, 20)],
        ),
        Layout(
            "Helm's labels, and subsets by role",
            mesh_of(helm, [to("reviews", "stable", 90), to("reviews", "canary", 10)], [ROLES]),
            [Sent(helm[0], 90), Sent(helm[1], 10, code="503", flags="UF", failed=True)],
            [("stable", 90, 2, 90, 0), ("canary", 10, 1, 10, 100)],
        ),
        Layout(
            "subsets beside a ServiceEntry that does not answer",
            mesh_of([V1, V2], three, [V1_V2], entries=[ENTRY]),
            [
                Sent(V1, 50),
                Sent(V2, 30),
                Sent(None, 20, service="reviews.example.com", code="503", flags="UF"),
            ],
            [
                ("v1", 50, 1, 50, 0),
                ("v2", 30, 1, 30, 0),
                ("reviews.example.com", 20, 0, 20, 100),
            ],
        ),
    ]


def _by_pods() -> list[Layout]:
    return [
        Layout(
            "versions without subsets",
            mesh_of([V1, V2]),
            _ten(V1, V2),
            [("v1", None, 1, 10, 0), ("v2", None, 1, 10, 0)],
        ),
        Layout(
            "no version label: rows by workload",
            mesh_of([OLD, NEW]),
            [Sent(OLD, 80), Sent(NEW, 20, code="503")],
            [("shop-new", None, 2, 20, 100), ("shop-old", None, 1, 80, 0)],
        ),
        Layout(
            "one workload without a version, beside a versioned one",
            mesh_of([OLD, V2]),
            [Sent(OLD, 80), Sent(V2, 20)],
            [("shop-old", None, 1, 80, 0), ("v2", None, 1, 20, 0)],
        ),
        Layout(
            "a failed connect names the workload, and no version",
            mesh_of([OLD, NEW]),
            [Sent(OLD, 80), Sent(NEW, 20, code="503", flags="UF", failed=True)],
            [("shop-new", None, 2, 20, 100), ("shop-old", None, 1, 80, 0)],
        ),
        Layout(
            "version and app.kubernetes.io/version differ",
            mesh_of([HELM_A]),
            [Sent(HELM_A, 30), Sent(HELM_A, 10, code="503", flags="UF", failed=True)],
            [("2024-06", None, 1, 40, 25)],
        ),
        Layout(
            "two versions of one app.kubernetes.io/version",
            mesh_of([HELM_A, HELM_B]),
            [Sent(HELM_A, 30), Sent(HELM_B, 10, code="503", flags="UF", failed=True)],
            [("2024-06", None, 1, 30, 0), ("2024-07", None, 1, 10, 100)],
        ),
        Layout(
            "only app.kubernetes.io/version",
            mesh_of([Load("reviews-a", {"app.kubernetes.io/version": "1.9"}), OLD]),
            [Sent(Load("reviews-a", {"app.kubernetes.io/version": "1.9"}), 7), Sent(OLD, 3)],
            [("1.9", None, 1, 7, 0), ("shop-old", None, 1, 3, 0)],
        ),
        Layout(
            "two workloads of one version are one row",
            mesh_of([V1, Load("other-v1", {"version": "v1"}, pods=2)]),
            [Sent(V1, 5), Sent(Load("other-v1", {"version": "v1"}), 10, code="500")],
            [("v1", None, 3, 15, 67)],
        ),
        Layout(
            "one workload in the middle of a change of its version label",
            mesh_of([Load("reviews", {"version": "v1"}), Load("reviews", {"version": "v2"})]),
            _ten(Load("reviews", {"version": "v1"}), Load("reviews", {"version": "v2"})),
            [("v1", None, 1, 10, 0), ("v2", None, 1, 10, 0)],
        ),
        Layout(
            "a rule to the whole host: by pods",
            mesh_of([V1, V2], [to("reviews")]),
            _ten(V1, V2),
            [("v1", None, 1, 10, 0), ("v2", None, 1, 10, 0)],
        ),
        Layout(
            "a rule to a host of one workload",
            mesh_of([OLD], [to("reviews")]),
            _ten(OLD),
            [("shop-old", 100, 1, 10, 0)],
        ),
        Layout(
            "the pods of a version are gone",
            mesh_of([V1]),
            _ten(V1, GONE),
            [("v1", None, 1, 10, 0), ("v2", None, 0, 10, 0)],
        ),
    ]


def _by_subsets() -> list[Layout]:
    return [
        Layout(
            "subsets by version",
            mesh_of([V1, V2], SPLIT, [V1_V2]),
            [Sent(V1, 80), Sent(V2, 20, code="503")],
            [("v1", 80, 1, 80, 0), ("v2", 20, 1, 20, 100)],
        ),
        Layout(
            "a subset of two versions, and no row of their own",
            mesh_of(
                [V1, V2, V3],
                [to("reviews", "old", 90), to("reviews", "v3", 10)],
                [rule("reviews", subset("old", era="1"), subset("v3", version="v3"))],
            ),
            _ten(V1, V2, V3),
            [
                ("old", 90, 0, 0, None),
                ("v3", 10, 1, 10, 0),
                ("v1", 0, 1, 10, 0),
                ("v2", 0, 1, 10, 0),
            ],
        ),
        Layout(
            "subsets by a label that each workload has for itself",
            mesh_of(
                [PRIMARY, TRIAL],
                [to("reviews", "a", 50), to("reviews", "b", 50)],
                [rule("reviews", subset("a", track="primary"), subset("b", track="trial"))],
            ),
            [Sent(PRIMARY, 10), Sent(TRIAL, 30, code="500")],
            [("a", 50, 2, 10, 0), ("b", 50, 1, 30, 100)],
        ),
        Layout(
            "a version that no subset has",
            mesh_of([V1, V2, V3], SPLIT, [V1_V2]),
            _ten(V1, V2, V3),
            [("v1", 80, 1, 10, 0), ("v2", 20, 1, 10, 0), ("v3", 0, 1, 10, 0)],
        ),
        Layout(
            "a subset without labels is all pods",
            mesh_of([V1, V2], [to("reviews", "all")], [rule("reviews", subset("all"))]),
            _ten(V1, V2),
            [("all", 100, 2, 20, 0)],
        ),
        Layout(
            "subsets of a DestinationRule that is private to another namespace",
            mesh_of(
                [V1, V2],
                [],
                [
                    rule(
                        "reviews.default.svc.cluster.local",
                        subset("v1", version="v1"),
                        namespace="elsewhere",
                    )
                ],
            ),
            _ten(V1, V2),
            [("v1", None, 1, 10, 0), ("v2", None, 1, 10, 0)],
        ),
        Layout(
            "a subset that nobody defines",
            mesh_of([V1], [to("reviews", "v1", 50), to("reviews", "v9", 50)], [V1_V2]),
            [Sent(V1, 10), Sent(None, 10, code="503", flags="NC")],
            [
                ("v1", 50, 1, 10, 0),
                ("v2", 0, 0, 0, None),
                ("v9", 50, 0, 10, 100),
            ],
        ),
        Layout(
            "a subset that is scaled to nothing, and still seen",
            mesh_of([V1, GONE], SPLIT, [V1_V2]),
            _ten(V1, GONE),
            [("v1", 80, 1, 10, 0), ("v2", 20, 0, 10, 0)],
        ),
    ]


def _mixed_up() -> list[Layout]:
    either = "telemetry can't tell it from"
    roles = [to("reviews", "stable", 90), to("reviews", "canary", 10)]
    both = [Sent(STABLE, 90), Sent(CANARY, 10, code="500")]
    return [
        Layout(
            "two subsets by role share a workload",
            mesh_of([STABLE, CANARY], roles, [ROLES]),
            both,
            [
                ("stable", 90, 2, None, None),
                ("canary", 10, 1, None, None),
                ("stable or canary", None, 0, 100, 10),
            ],
            {"stable": f"{either} canary", "canary": f"{either} stable"},
        ),
        Layout(
            "two subsets by pod-template-hash",
            mesh_of(
                [STABLE, CANARY], [to("reviews", "now", 90), to("reviews", "next", 10)], [HASHES]
            ),
            both,
            [
                ("now", 90, 2, None, None),
                ("next", 10, 1, None, None),
                ("now or next", None, 0, 100, 10),
            ],
            {"now": f"{either} next", "next": f"{either} now"},
        ),
        Layout(
            "two that are mixed up, and one that is not",
            mesh_of(
                [STABLE, CANARY, V3],
                [*roles, to("reviews", "v3", 0)],
                [
                    rule(
                        "reviews",
                        subset("stable", role="stable"),
                        subset("canary", role="canary"),
                        subset("v3", version="v3"),
                    )
                ],
            ),
            [*both, Sent(V3, 7)],
            [
                ("stable", 90, 2, None, None),
                ("canary", 10, 1, None, None),
                ("v3", 0, 1, 7, 0),
                ("stable or canary", None, 0, 100, 10),
            ],
            {"stable": f"{either} canary", "canary": f"{either} stable"},
        ),
        Layout(
            "nobody calls two that cannot be told apart",
            mesh_of([STABLE, CANARY], roles, [ROLES]),
            [],
            [("stable", 90, 2, 0, None), ("canary", 10, 1, 0, None)],
        ),
        Layout(
            "roles of different versions are told apart",
            mesh_of(
                [
                    Load("reviews", {"role": "stable", "version": "1"}, template="aaaa"),
                    Load("reviews", {"role": "canary", "version": "2"}, template="bbbb"),
                ],
                roles,
                [ROLES],
            ),
            _ten(
                Load("reviews", {"role": "stable", "version": "1"}),
                Load("reviews", {"role": "canary", "version": "2"}),
            ),
            [("stable", 90, 1, 10, 0), ("canary", 10, 1, 10, 0)],
        ),
        Layout(
            "the whole host beside a subset of it",
            mesh_of([V1, V2], [to("reviews", "", 90), to("reviews", "v2", 10)], [V1_V2]),
            _ten(V1, V2),
            [
                ("v1", 0, 1, None, None),
                ("v2", 10, 1, None, None),
                ("reviews", 90, 2, None, None),
                ("v2 or reviews", None, 0, 20, 0),
            ],
            {
                "v1": "its pods also belong to rows that rules send to",
                "v2": f"{either} reviews",
                "reviews": f"{either} v2",
            },
        ),
        Layout(
            "a subset that no rule names overlaps one that a rule names",
            mesh_of(
                [V1, V2],
                SPLIT,
                [
                    rule(
                        "reviews",
                        subset("v1", version="v1"),
                        subset("v2", version="v2"),
                        subset("app", app="reviews"),
                    )
                ],
            ),
            _ten(V1, V2),
            [("v1", 80, 1, 10, 0), ("v2", 20, 1, 10, 0), ("app", 0, 2, None, None)],
            {"app": "its pods also belong to rows that rules send to"},
        ),
    ]


def _by_services() -> list[Layout]:
    weights = [to("reviews-primary", "", 75), to("reviews-trial", "", 25)]
    return [
        Layout(
            "weights between services whose pods the route's host has, too",
            mesh_of([PRIMARY, TRIAL], weights, services=TRACKS),
            [
                Sent(PRIMARY, 75, service="reviews-primary"),
                Sent(TRIAL, 25, service="reviews-trial", code="503"),
            ],
            [("reviews-primary", 75, 2, 75, 0), ("reviews-trial", 25, 1, 25, 100)],
        ),
        Layout(
            "the host itself beside another service",
            mesh_of(
                [V1, AWAY],
                [to("reviews", "", 90), to("away.other.svc.cluster.local", "", 10)],
                services=[service("away", "other")],
            ),
            [Sent(V1, 90), Sent(AWAY, 10, service="away", namespace="other")],
            [("v1", 90, 1, 90, 0), ("away.other", 10, 1, 10, 0)],
        ),
        Layout(
            "the host itself beside a service of some of its pods",
            mesh_of(
                [PRIMARY, TRIAL],
                [to("reviews", "", 75), to("reviews-trial", "", 25)],
                services=TRACKS,
            ),
            [
                Sent(PRIMARY, 50),
                Sent(TRIAL, 25, code="503"),
                Sent(TRIAL, 25, service="reviews-trial"),
            ],
            [("reviews", 75, 3, 75, 33), ("reviews-trial", 25, 1, 25, 0)],
        ),
        Layout(
            "a ServiceEntry's host",
            mesh_of(
                [V1],
                [to("reviews", "", 90), to("reviews.example.com", "", 10)],
                entries=[ENTRY],
            ),
            [Sent(V1, 90), Sent(None, 10, service="reviews.example.com", code="502")],
            [("v1", 90, 1, 90, 0), ("reviews.example.com", 10, 0, 10, 100)],
        ),
    ]


def _back_again(uh: Sent) -> list[Layout]:
    """A version that crashed is ready again, and what was refused meanwhile is still counted."""
    old = replace(V1, ready_since="2026-07-30T08:00:00Z")
    back = replace(V2, ready_since="2026-08-01T12:00:00Z")
    beside = replace(V1, ready_since="2026-08-01T11:59:30Z")
    ejecting = rule(
        "reviews",
        {
            **subset("v1", version="v1"),
            "trafficPolicy": {"outlierDetection": {"interval": "1s"}},
        },
        subset("v2", version="v2"),
    )
    unknown = [
        ("v1", 80, 1, 80, 0),
        ("v2", 20, 1, 0, None),
        ("unknown", None, 0, 20, 100),
    ]
    return [
        Layout(
            "no healthy upstream: of two that are ready the one that was not lately",
            mesh_of([old, back], SPLIT, [V1_V2]),
            [Sent(V1, 80), uh],
            [("v1", 80, 1, 80, 0), ("v2", 20, 1, 20, 100)],
        ),
        Layout(
            "no healthy upstream: both became ready together",
            mesh_of([beside, back], SPLIT, [V1_V2]),
            [Sent(V1, 80), uh],
            unknown,
        ),
        Layout(
            "no healthy upstream: nobody says since when the other is ready",
            mesh_of([V1, back], SPLIT, [V1_V2]),
            [Sent(V1, 80), uh],
            unknown,
        ),
        Layout(
            "no healthy upstream: the other's endpoints may have been ejected",
            mesh_of([old, back], SPLIT, [ejecting]),
            [Sent(V1, 80), uh],
            unknown,
        ),
    ]


def _refused() -> list[Layout]:
    uh = Sent(None, 20, code="503", flags="UH")
    limited = rule(
        "reviews",
        subset("v1", version="v1"),
        {**subset("v2", version="v2"), "trafficPolicy": {"connectionPool": {"http": {}}}},
    )
    pool = {"connectionPool": {"http": {"http1MaxPendingRequests": 1}}}
    limited["spec"]["subsets"][1]["trafficPolicy"] = pool
    return [
        Layout(
            "no healthy upstream: the subset without a ready pod",
            mesh_of([V1, DEAD], SPLIT, [V1_V2]),
            [Sent(V1, 80), uh],
            [("v1", 80, 1, 80, 0), ("v2", 20, 1, 20, 100)],
        ),
        Layout(
            "no healthy upstream: the only destination, whose pods are ready again",
            mesh_of([V1, V2], [to("reviews", "v1", 100)], [V1_V2]),
            [Sent(V1, 80), uh],
            [("v1", 100, 1, 100, 20), ("v2", 0, 1, 0, None)],
        ),
        Layout(
            "no healthy upstream, and two without a ready pod",
            mesh_of([GONE], SPLIT, [V1_V2]),
            [uh],
            [("v1", 80, 0, 0, None), ("v2", 20, 0, 0, None), ("unknown", None, 0, 20, 100)],
        ),
        *_back_again(uh),
        Layout(
            "overflow: the only subset with a limit",
            mesh_of([V1, V2], SPLIT, [limited]),
            [Sent(V1, 80), Sent(V2, 15), Sent(None, 5, code="503", flags="UO")],
            [("v1", 80, 1, 80, 0), ("v2", 20, 1, 20, 25)],
        ),
        Layout(
            "an injected abort is nobody's",
            mesh_of([V1, DEAD], SPLIT, [V1_V2]),
            [Sent(V1, 80), Sent(None, 20, code="503", flags="FI")],
            [("v1", 80, 1, 80, 0), ("v2", 20, 1, 0, None), ("unknown", None, 0, 20, 100)],
        ),
    ]


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("layout", layouts(), ids=lambda layout: layout.name)
def test_rows_of_a_layout(layout: Layout, source: str) -> None:
    assert_rows(layout, source)


def test_the_document_says_why_a_row_has_no_numbers() -> None:
    layout = next(found for found in layouts() if "share a workload" in found.name)
    view = seen(layout.mesh, layout.sent, "sidecars")
    (service,) = services_json(1000.0, None, [view])["services"]
    stable, canary, both = service["versions"]
    assert stable["unknown_because"] == "telemetry can't tell it from canary"
    assert canary["unknown_because"] == "telemetry can't tell it from stable"
    assert [row[key] for row in (stable, canary) for key in ("rps", "requests", "share")] == 6 * [
        None
    ]
    assert both["requests"] == 100
    assert both["unknown_because"].startswith("how long requests take is not known")


def test_a_pod_that_stands_in_two_rows_counts_once_for_the_service() -> None:
    layout = next(found for found in layouts() if "whole host beside" in found.name)
    view = seen(layout.mesh, layout.sent, "sidecars")
    assert pods_counted(view.versions) == (2, 2)

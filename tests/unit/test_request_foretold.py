"""Who answered a request, and whether it went where it was said to go."""

from __future__ import annotations

from dataclasses import replace

import pytest

from meshtui.envoy.accesslog import AccessRecord
from meshtui.mesh.decision import Decision, Tried
from meshtui.mesh.effects import Effects, Odds
from meshtui.mesh.model import Fault, Pod
from meshtui.mesh.request import Request
from meshtui.operations.request.ask import marked
from meshtui.operations.request.foretold import Sight, agrees, answerer, destinations, verdict
from meshtui.operations.request.sight import Mark, addressed

HOST = "reviews.shop.svc.cluster.local"
TAKEN = Tried(("shop", "reviews"), "route[0]")
SPLIT = Decision(
    HOST,
    taken=TAKEN,
    effects=Effects(
        (Odds(HOST, "v1", 9080, 80.0), Odds(HOST, "v2", 9080, 20.0), Odds(HOST, "v3", 9080, 0.0))
    ),
)
NOWHERE = Decision(HOST)
DIRECT = Decision(HOST, taken=TAKEN, effects=Effects(answer="answers 404"))
UNSURE = Decision(HOST, above=(Tried(None, "x", None),), taken=TAKEN, effects=SPLIT.effects)
FAULTY = replace(
    SPLIT, effects=replace(SPLIT.effects, fault=Fault(abort_http=503, abort_percent=10))
)
SLOW = replace(SPLIT, effects=replace(SPLIT.effects, fault=Fault(delay_s=1, delay_percent=100)))
PASSED = Decision("", taken=TAKEN, effects=Effects((Odds("", cluster="PassthroughCluster"),)))

CALLER = Pod("shop", "page-1", ip="10.0.0.9", proxy_container="istio-proxy", phase="Running")
V1 = Pod(
    "shop",
    "reviews-v1",
    ip="10.0.0.1",
    version="v1",
    proxy_container="istio-proxy",
    phase="Running",
)
V2 = Pod(
    "shop",
    "reviews-v2",
    ip="10.0.0.2",
    version="v2",
    proxy_container="istio-proxy",
    phase="Running",
)
V6 = Pod(
    "shop", "reviews-v6", ip="fd00::6", version="v6", proxy_container="istio-proxy", phase="Running"
)


def line(
    cluster: str = "", host: str = "", details: str = "via_upstream", **more: object
) -> AccessRecord:
    return AccessRecord("", upstream_cluster=cluster, upstream_host=host, details=details, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("decision", "record", "expected"),
    [
        (SPLIT, line(f"outbound|9080|v1|{HOST}"), True),
        (SPLIT, line(f"outbound|9080|v3|{HOST}"), False),  # a weight of 0
        (SPLIT, line(f"outbound|9080||{HOST}"), False),
        (SPLIT, line(f"outbound|8080|v1|{HOST}"), False),
        (SPLIT, line("outbound|9080|v1|ratings.shop.svc.cluster.local"), False),
        (SPLIT, line("PassthroughCluster"), False),
        (SPLIT, line(details="fault_filter_abort"), False),
        (SPLIT, line(f"outbound|9080|v1|{HOST}", flags=("FI",)), False),
        (FAULTY, line(f"outbound|9080|v1|{HOST}", flags=("FI",)), True),
        (FAULTY, line(f"outbound|9080|v1|{HOST}", "10.0.0.1:9080"), True),
        (SLOW, line(details="fault_filter_abort"), False),
        (SPLIT, line(details="local_rate_limited", flags=("RL",)), None),
        (SPLIT, None, None),
        (UNSURE, line(f"outbound|9080|v1|{HOST}"), None),
        (NOWHERE, line(details="route_not_found"), True),
        (NOWHERE, line(f"outbound|9080|v1|{HOST}"), False),
        (DIRECT, line(details="direct_response"), True),
        (DIRECT, line(f"outbound|9080|v1|{HOST}"), False),
        (PASSED, line("PassthroughCluster"), True),
        (PASSED, line(f"outbound|9080|v1|{HOST}"), False),
    ],
)
def test_it_went_where_it_was_said_to_go(
    decision: Decision, record: AccessRecord | None, expected: bool | None
) -> None:
    assert agrees(decision, record) is expected


V1_CLUSTER = f"outbound|9080|v1|{HOST}"


@pytest.mark.parametrize(
    ("decision", "record", "expected"),
    [
        (SPLIT, line(V1_CLUSTER, "10.0.0.1:9080"), "it did so"),
        (SPLIT, line("PassthroughCluster", "10.0.0.1:9080"), "IT WENT ELSEWHERE"),
        (SPLIT, None, "whether it did so is not known"),
        (UNSURE, line(V1_CLUSTER, flags=("FI",)), "whether it did so is not known"),
        (
            FAULTY,
            line(V1_CLUSTER, details="fault_filter_abort", flags=("FI",)),
            "the fault answered",
        ),
        (
            FAULTY,
            line(V1_CLUSTER, details="fault_filter_abort", flags=("DI", "FI")),
            "the fault answered",
        ),
        (FAULTY, line(V1_CLUSTER, "10.0.0.1:9080"), "it did so"),
        (
            SLOW,
            line(V1_CLUSTER, "10.0.0.1:9080", flags=("DI",)),
            "it did so, after the fault's delay",
        ),
        (
            SPLIT,
            line(details="fault_filter_abort"),
            "IT WAS ABORTED by a fault that was not foretold",
        ),
        (
            SPLIT,
            line(V1_CLUSTER, details="overflow", flags=("UO",)),
            "its proxy chose that, and sent it nowhere (UO)",
        ),
        (DIRECT, line(details="direct_response"), "it did so"),
        (NOWHERE, line(details="route_not_found", flags=("NR",)), "it did so"),
    ],
)
def test_the_words_are_true_of_who_answered(
    decision: Decision, record: AccessRecord | None, expected: str
) -> None:
    assert verdict(decision, record) == expected


def test_a_connection_is_found_by_its_ends() -> None:
    """By the caller's end of it, and on the other side by its proxy's end of the next one."""
    mark = Mark("10.0.0.9:41002", connection=True)
    caller = line("outbound|9081||x", "10.0.0.1:9080", downstream_remote="10.0.0.9:41002")
    assert mark.fits(caller)
    assert not mark.fits(replace(caller, downstream_remote="10.0.0.9:41003"))
    assert mark.of_servers(None) is None
    assert mark.of_servers(caller) is None
    theirs = mark.of_servers(replace(caller, upstream_local="10.0.0.9:50000"))
    assert theirs == Mark("10.0.0.9:50000", connection=True)
    assert Mark("an-id").of_servers(None) == Mark("an-id")
    assert Mark("an-id").fits(caller)


def test_what_was_foretold_in_words() -> None:
    assert destinations(FAULTY) == "v1 80%, v2 20%, v3 0%, with abort 503 10%"
    assert destinations(SPLIT) == "v1 80%, v2 20%, v3 0%"
    assert destinations(DIRECT) == "answers 404"
    assert destinations(NOWHERE) == ""


@pytest.mark.parametrize(
    ("sight", "expected"),
    [
        (Sight(line(host="10.0.0.1:9080"), ((V1, line()),)), (V1, False)),
        (Sight(line(host="10.0.0.1:9080")), (V1, False)),  # its own log is not there
        (Sight(line(host="[fd00::6]:9080"), ((V6, line()),)), (V6, False)),
        # A retry: the last pod that was asked answered.
        (Sight(line(host="10.0.0.2:9080"), ((V1, line()), (V2, line()))), (V2, False)),
        # The server's proxy refused it, the caller's proxy passed the answer on.
        (
            Sight(
                line(host="10.0.0.1:9080"),
                ((V1, line(details="rbac_access_denied_matched_policy[none]")),),
            ),
            (V1, True),
        ),
        (Sight(line(details="route_not_found")), (CALLER, True)),
        (
            Sight(line(host="10.0.0.1:9080", details="response_timeout"), ((V1, line()),)),
            (CALLER, True),
        ),
        # Istio's oldest formats have no details, and flags in their place.
        (
            Sight(line(host="10.0.0.1:9080", details="", flags=("UT",)), ((V1, line()),)),
            (CALLER, True),
        ),
        (Sight(line(host="10.0.0.1:9080", details=""), ((V1, line(details="")),)), (V1, False)),
        (Sight(None, ((V2, line()),)), (V2, False)),
        (Sight(None, ((V1, line()), (V2, line()))), None),  # which one's answer it was is not known
        (Sight(), None),
        (Sight(line(host="10.9.9.9:9080")), None),
    ],
)
def test_who_answered(sight: Sight, expected: tuple[Pod, bool] | None) -> None:
    found = answerer(CALLER, sight, (V1, V2, V6))
    assert (None if found is None else (found.pod, found.proxy)) == expected


def test_only_the_pod_that_was_asked_is_looked_at() -> None:
    assert addressed((V1, V2), line(host="10.0.0.2:9080")) == [V2]
    assert addressed((V1, V2), line(host="10.9.9.9:9080")) == [V1, V2]
    assert addressed((V1, V2), None) == [V1, V2]


def test_a_request_is_marked_once() -> None:
    request_id, headers = marked(Request(headers=(("a", "b"),)), CALLER)
    assert headers == (("a", "b"), ("x-request-id", request_id))
    assert marked(Request(headers=(("X-Request-ID", "mine"),)), CALLER) == (
        "mine",
        (("X-Request-ID", "mine"),),
    )
    gateway = Pod("edge", "gateway", gateway=True)
    request_id, headers = marked(Request(), gateway)
    assert dict(headers)["user-agent"] == f"meshtui {request_id}"
    own = Request(headers=(("User-Agent", "curl"),))
    assert [name for name, _ in marked(own, gateway)[1]] == ["User-Agent", "x-request-id"]

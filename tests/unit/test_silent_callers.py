"""Callers that count nothing of what they send: their callees do, and say so; nothing twice."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from meshtui.cli.documents.services import services_json
from meshtui.mesh.count_overrides import CLIENT, SERVER
from meshtui.mesh.judging import NOT_KNOWN
from meshtui.mesh.metrics_off import not_counting
from meshtui.mesh.model import Mesh
from meshtui.mesh.parse import parse_mesh
from meshtui.mesh.view import ServiceView
from tests.unit.test_absence import bench, inbound, page, reviews, seen
from tests.unit.test_metrics_sidecars import Bench, pod, stats

NAMELESS = "callers have no proxy, or send past it: counted by reviews itself"
UNNAMED = 'source_workload="unknown",source_workload_namespace="unknown"'


def telemetry(*overrides: dict[str, Any], **spec: Any) -> dict[str, Any]:
    metrics = [{"providers": [{"name": "prometheus"}], "overrides": list(overrides)}]
    return {
        "kind": "Telemetry",
        "apiVersion": "telemetry.istio.io/v1",
        "metadata": {"name": "quiet", "namespace": "default", "uid": "1"} | spec.pop("meta", {}),
        "spec": {"metrics": metrics} | spec,
    }


def off(mode: str = "CLIENT", metric: str = "REQUEST_COUNT", disabled: bool = True) -> Any:
    return {"match": {"metric": metric, "mode": mode}, "disabled": disabled}


def muted(made: Bench, *objects: dict[str, Any]) -> Bench:
    made.mesh = replace(
        made.mesh, telemetries=parse_mesh({"telemetries": list(objects)}).telemetries
    )
    return made


def plain(count: float) -> str:
    """Requests of a pod without a proxy, as the callee's proxy counts them."""
    named = 'source_workload="productpage",source_workload_namespace="default"'
    return inbound(count).replace(named, UNNAMED)


def own_side(count: float) -> str:
    """What productpage counts, and who answered."""
    return stats(count).replace(
        'destination_version="v1"',
        'destination_version="v1",destination_workload="reviews-v1",'
        'destination_workload_namespace="default"',
    )


async def after(made: Bench, first: dict[str, str], then: dict[str, str]) -> ServiceView:
    await made.tick(0, **first)
    return seen(made.mesh, await made.tick(10, **then))


def requests_of(view: ServiceView) -> tuple[float, float]:
    """Of the service, and of all its rows."""
    rows = [row.caller.requests for row in view.versions if row.caller]
    return view.caller.requests if view.caller else -1, sum(rows)


def second(text: str) -> str:
    return text.replace("reviews-v1", "reviews-v2").replace('version="v1"', 'version="v2"')


def to(subset: str, weight: int) -> dict[str, Any]:
    return {"destination": {"host": "reviews", "subset": subset}, "weight": weight}


def mesh_with(rule: dict[str, Any]) -> Mesh:
    subsets = [{"name": v, "labels": {"version": v}} for v in ("v1", "v2")]
    named = {"metadata": {"name": "reviews", "namespace": "default", "uid": "1"}}
    spec = {"hosts": ["reviews"], "http": [rule]}
    return parse_mesh(
        {
            "virtualservices": [named | {"spec": spec}],
            "destinationrules": [named | {"spec": {"host": "reviews", "subsets": subsets}}],
        }
    )


INTO_PAGE = stats(3).replace('"source",source_workload="productpage"', '"destination"').replace(
    'destination_service_name="reviews"', 'destination_service_name="productpage"'
)  # fmt: skip


async def test_a_caller_told_to_count_nothing_is_counted_by_its_callee() -> None:
    made = muted(bench(page(), reviews()), telemetry(off()))
    counted = {"page": INTO_PAGE, "reviews-v1": inbound(0)}
    more = inbound(130) + inbound(26, code="503")
    view = await after(made, counted, counted | {"reviews-v1": more})
    assert requests_of(view) == (156, 156)
    assert view.counted_because == (
        "productpage counts no requests (Telemetry default/quiet): counted by reviews itself"
    )
    assert view.caller is not None
    assert view.caller.p50_ms == 5.0
    assert view.caller.error_ratio == pytest.approx(26 / 156)
    assert services_json(0, None, [view])["services"][0]["counted_because"] == view.counted_because


async def test_a_caller_without_a_proxy_is_counted_by_its_callee() -> None:
    made = bench(page(), reviews())
    counted = {"page": INTO_PAGE, "reviews-v1": plain(0)}
    view = await after(made, counted, counted | {"reviews-v1": plain(40)})
    assert requests_of(view) == (40, 40)
    assert view.counted_because == NAMELESS


async def test_beside_a_caller_that_counts_only_the_others_are_filled_in() -> None:
    made = bench(page(), reviews())
    view = await after(
        made,
        {"page": own_side(0.0), "reviews-v1": inbound(0) + plain(0)},
        {"page": own_side(60), "reviews-v1": inbound(60) + plain(40)},
    )
    assert requests_of(view) == (100, 100)
    assert view.counted_because == NAMELESS


async def test_where_a_caller_that_counts_has_no_name_at_its_callee_nobody_fills_in() -> None:
    """The nameless may be its own requests: they would count twice."""
    made = bench(page(), reviews())
    view = await after(
        made,
        {"page": own_side(0.0), "reviews-v1": plain(0)},
        {"page": own_side(60), "reviews-v1": plain(60)},
    )
    assert (requests_of(view), view.counted_because) == ((60, 60), "")


async def test_what_is_turned_away_before_its_name_is_read_counts_once() -> None:
    """A filter in front of the one that reads names, as a limit by an EnvoyFilter often is."""
    made = bench(page(), reviews())

    def refused(count: float) -> str:
        limited = plain(count).replace('response_code="200"', 'response_code="429"')
        return limited.replace("request_protocol", 'response_flags="RL",request_protocol')

    view = await after(
        made,
        {"page": own_side(0.0), "reviews-v1": inbound(0) + refused(0)},
        {"page": own_side(60), "reviews-v1": inbound(20) + refused(40)},
    )
    assert (requests_of(view), view.counted_because) == ((60, 60), "")


async def test_a_caller_that_still_counts_is_believed_whatever_a_telemetry_says() -> None:
    made = muted(bench(page(), reviews()), telemetry(off()))
    view = await after(
        made,
        {"page": own_side(0.0), "reviews-v1": inbound(0)},
        {"page": own_side(60), "reviews-v1": inbound(60)},
    )
    assert (requests_of(view), view.counted_because) == ((60, 60), "")


@pytest.mark.parametrize(("answered", "filled"), [(4, 0), (40, 40)])
async def test_counters_that_stand_still_are_a_reading_too_early_or_a_caller_that_stopped(
    answered: int, filled: int
) -> None:
    made = bench(page(), reviews())
    view = await after(
        made,
        {"page": own_side(60), "reviews-v1": inbound(60)},
        {"page": own_side(60), "reviews-v1": inbound(60 + answered)},
    )
    assert requests_of(view) == (filled, filled)
    words = "productpage counts no requests: counted by reviews itself"
    assert view.counted_because == (words if filled else "")


async def test_one_that_times_its_requests_and_does_not_count_them_is_timed_once() -> None:
    made = muted(bench(page(), reviews()), telemetry(off()))
    timed = "".join(line + "\n" for line in own_side(40).splitlines() if "_bucket" in line)
    began = "".join(line + "\n" for line in own_side(0).splitlines() if "_bucket" in line)
    view = await after(
        made,
        {"page": INTO_PAGE + began, "reviews-v1": inbound(0)},
        {"page": INTO_PAGE + timed, "reviews-v1": inbound(40)},
    )
    assert view.caller is not None
    assert (view.caller.requests, max(view.caller.buckets.values())) == (40, 40)


async def test_where_nobody_counts_it_is_unknown_and_says_why() -> None:
    made = muted(bench(page(), reviews(proxy_container="")), telemetry(off()))
    view = await after(made, {"page": INTO_PAGE}, {"page": INTO_PAGE})
    (row,) = view.versions
    assert (row.state, row.unknown_because) == (
        NOT_KNOWN,
        "productpage counts no requests (Telemetry default/quiet)",
    )


async def test_a_waypoint_counts_for_callers_that_have_none() -> None:
    made = bench(pod("way", workload="waypoint"), reviews(proxy_container=""))
    before, now = (inbound(count).replace('"destination",', '"waypoint",') for count in (0, 30))
    view = await after(made, {"way": before}, {"way": now})
    assert requests_of(view) == (30, 30)


async def test_mirrored_copies_are_no_requests_of_a_caller_that_counts_nothing() -> None:
    """Who answers counts both alike: of the version that has copies nothing is known."""
    answered = {"reviews-v1": inbound(40), "reviews-v2": second(inbound(40))}
    quiet = {"reviews-v1": inbound(0), "reviews-v2": second(inbound(0))}
    v2 = reviews("reviews-v2", labels={"app": "reviews", "version": "v2"}, version="v2")
    made = bench(page(), reviews(), v2)
    mirrored = mesh_with({"route": [to("v1", 100)], "mirror": {"host": "reviews", "subset": "v2"}})
    made.mesh = replace(mirrored, pods=made.mesh.pods, services=made.mesh.services)
    view = await after(made, {"page": INTO_PAGE} | quiet, {"page": INTO_PAGE} | answered)
    rows = {row.version: row for row in view.versions}
    assert requests_of(view) == (40, 40)
    assert (rows["v2"].caller, rows["v2"].state) == (None, NOT_KNOWN)
    assert rows["v2"].unknown_because == "its callers count nothing, and copies are mirrored to it"
    assert rows["v1"].share == 1.0


async def test_the_graph_shows_who_counts_nothing_by_its_callees() -> None:
    made = muted(bench(page(), reviews()), telemetry(off()))
    await made.tick(0, **{"page": INTO_PAGE, "reviews-v1": inbound(0)})
    await made.tick(10, **{"page": INTO_PAGE, "reviews-v1": inbound(50)})
    (call,) = [one for one in (await made.source.calls(made.mesh)).calls if one.caller[1]]
    assert (call.caller[1], call.by_server, call.signals.requests) == ("productpage", True, 50)


# What a Telemetry says

ROOT = {"meta": {"namespace": "istio-system", "name": "mesh"}}
CHOSEN = {"selector": {"matchLabels": {"app": "page"}}, "meta": {"name": "own"}}


@pytest.mark.parametrize(
    ("objects", "sides"),
    [
        ([telemetry(off())], {CLIENT}),
        ([telemetry(off("SERVER"))], {SERVER}),
        ([telemetry(off("CLIENT_AND_SERVER"))], {CLIENT, SERVER}),
        ([telemetry({"disabled": True})], {CLIENT, SERVER}),
        ([telemetry(off(metric="ALL_METRICS"))], {CLIENT}),
        ([telemetry(off(metric="REQUEST_DURATION"))], set()),
        ([telemetry({"match": {"customMetric": "mine"}, "disabled": True})], set()),
        ([telemetry(off(), off(disabled=False))], set()),
        ([telemetry(off(), **ROOT)], {CLIENT}),
        ([telemetry(off(), **ROOT), telemetry(off(disabled=False))], set()),
        ([telemetry(off(disabled=False)), telemetry(off(), **CHOSEN)], {CLIENT}),
        ([telemetry(off(), selector={"matchLabels": {"app": "other"}})], set()),
        ([telemetry(off(), targetRefs=[{"kind": "Gateway", "name": "ingress"}])], set()),
        ([telemetry(off(), meta={"namespace": "elsewhere"})], set()),
        ([telemetry({"disabled": "yes"}, {"match": 5})], set()),
    ],
)
def test_who_is_told_not_to_count(objects: list[dict[str, Any]], sides: set[str]) -> None:
    mesh = Mesh(
        pods=(replace(page(), labels={"app": "page"}),),
        telemetries=parse_mesh({"telemetries": objects}).telemetries,
    )
    assert {side for side in (CLIENT, SERVER) if not_counting(mesh, side)} == sides

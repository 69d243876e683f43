"""What was not read is unknown with the reason, never zero."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from meshtui.cli import services as services_command
from meshtui.cli.documents.services import services_json
from meshtui.errors import MeshtuiError, NotFound, Unreachable
from meshtui.mesh.judging import NO_TRAFFIC, NOT_KNOWN, OK, state_of
from meshtui.mesh.model import Mesh, Pod, Port, Service, ServiceKey
from meshtui.mesh.parse import parse_mesh
from meshtui.mesh.signals import Sample, Signals
from meshtui.mesh.thresholds import Thresholds
from meshtui.mesh.versions import VersionView
from meshtui.mesh.view import ServiceView, service_views
from meshtui.metrics.exposition import is_exposition
from meshtui.operations.namespaces import refuse_missing
from meshtui.ui.table.marks import version_marks
from tests.ui import bookinfo
from tests.unit.test_metrics_sidecars import Answer, Bench, pod, stats

REVIEWS = ServiceKey("default", "reviews")
SERVICE = Service(REVIEWS, "reviews.default.svc.cluster.local", selector={"app": "reviews"})
Answers = Mapping[str, str | MeshtuiError | Answer]
REFUSED = Unreachable("connection refused")
PAGE = """<!DOCTYPE html><html><body>istio_requests_total{a="b"} 5</body></html>"""


def reviews(name: str = "reviews-v1", **changed: object) -> Pod:
    labels = {"app": "reviews", "version": "v1"}
    facts = {"labels": labels, "version": "v1", "workload": name, "ready": True} | changed
    return pod(name, **facts)


def page(name: str = "page") -> Pod:
    return pod(name, workload="productpage")


def inbound(count: float, client: str = "productpage", code: str = "200") -> str:
    """What the proxy of reviews counts of its callers."""
    text = stats(count, client, code).replace(
        'source",source_workload', 'destination",source_workload'
    )
    return text.replace(
        'destination_version="v1"',
        'destination_version="v1",destination_workload="reviews-v1",'
        'destination_workload_namespace="default"',
    )


def bench(*pods: Pod, **limits: float) -> Bench:
    found = Bench(*pods, **limits)
    found.mesh = replace(found.mesh, services=(SERVICE,))
    return found


def seen(mesh: Mesh, sample: Sample) -> ServiceView:
    return service_views(mesh, sample)[0]


async def measured(made: Bench, first: Answers, then: Answers) -> ServiceView:
    await made.tick(0, **first)
    return seen(made.mesh, await made.tick(10, **then))


async def test_the_callees_fill_in_for_a_caller_that_cannot_be_read_and_say_so() -> None:
    made = bench(page(), reviews())
    more = inbound(130) + inbound(26, code="503")
    view = await measured(
        made, {"page": REFUSED, "reviews-v1": inbound(0)}, {"page": REFUSED, "reviews-v1": more}
    )
    (row,) = view.versions
    assert row.caller is not None
    assert (row.caller.requests, row.caller.rps) == (156, 15.6)
    assert row.caller.error_ratio == pytest.approx(26 / 156)
    assert view.counted_because == "productpage was not read: counted by reviews itself"
    assert services_json(0, None, [view])["services"][0]["counted_because"] == view.counted_because


async def test_a_caller_of_which_one_pod_is_read_is_not_counted_twice() -> None:
    made = bench(page("a"), page("b"), reviews())
    view = await measured(
        made,
        {"a": stats(0.0), "b": REFUSED, "reviews-v1": inbound(0)},
        {"a": stats(50), "reviews-v1": inbound(100)},
    )
    assert view.caller is not None
    assert view.caller.requests == 50
    assert view.server is not None
    assert view.server.requests == 100


async def test_what_a_caller_said_lately_stands_and_nobody_fills_in() -> None:
    made = bench(page(), reviews())
    await made.tick(0, page=stats(0.0), **{"reviews-v1": inbound(0)})
    await made.tick(5, page=stats(50), **{"reviews-v1": inbound(50)})
    view = seen(made.mesh, await made.tick(5, page=REFUSED, **{"reviews-v1": inbound(100)}))
    assert view.caller is not None
    assert (view.caller.requests, view.counted_because) == (50, "")


async def test_no_request_at_the_callee_is_zero_by_evidence() -> None:
    made = bench(page(), reviews())
    answers: Answers = {"page": REFUSED, "reviews-v1": inbound(7)}
    (row,) = (await measured(made, answers, answers)).versions
    assert (row.state, row.unknown_because) == (NO_TRAFFIC, "")


def shared_with(made: Bench, name: str, target: str = "9080") -> None:
    """Another service of the same pods, for which their proxies do not count."""
    port = Port("http", 9080, target)
    other = Service(
        ServiceKey("default", name), f"{name}.default.svc.cluster.local", (port,), SERVICE.selector
    )
    own = replace(SERVICE, ports=(Port("http", 9080),))
    made.mesh = replace(made.mesh, services=(own, other))


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("", (NOT_KNOWN, "productpage was not read, and its pods count all as reviews's")),
        ("9090", (NO_TRAFFIC, "")),
    ],
)
async def test_pods_of_two_services_count_for_one_and_that_is_no_evidence_for_the_other(
    target: str, expected: tuple[str, str]
) -> None:
    made = bench(page(), reviews())
    shared_with(made, "reviews-primary", target)
    await made.tick(0, page=REFUSED, **{"reviews-v1": inbound(0)})
    sample = await made.tick(10, page=REFUSED, **{"reviews-v1": inbound(80)})
    first, other = service_views(made.mesh, sample)
    (row,) = other.versions
    assert (row.state, row.unknown_because) == expected
    told = "" if target else "; what came to reviews-primary is in it"
    words = f"productpage was not read: counted by reviews itself{told}"
    assert first.counted_because == words


@pytest.mark.parametrize(
    ("target", "told"),
    [
        ("", "batch was not read: what it may send is missing, as the pods count all as reviews's"),
        ("9090", ""),
    ],
)
async def test_a_caller_that_pods_name_as_anothers_is_said_to_be_missing(
    target: str, told: str
) -> None:
    """Its proxy was never read: nobody knows of which of the two Services it asks."""
    made = bench(page(), pod("batch", workload="batch"), reviews())
    shared_with(made, "reviews-primary", target)
    for at in (0, 10):
        sent = stats(at).replace("reviews", "reviews-primary")
        came = inbound(4 * at, "batch") + inbound(at)
        sample = await made.tick(at, page=sent, batch=REFUSED, **{"reviews-v1": came})
    _, other = service_views(made.mesh, sample)
    assert other.caller is not None and other.caller.requests > 0
    assert other.counted_because == told


async def test_of_many_services_of_the_same_pods_two_are_named() -> None:
    made = bench(page(), reviews())
    shared_with(made, "a")
    own, other = made.mesh.services
    more = (
        replace(other, key=ServiceKey("default", name), host=f"{name}.default.svc.cluster.local")
        for name in ("b", "c", "d")
    )
    made.mesh = replace(made.mesh, services=(own, other, *more))
    await made.tick(0, page=REFUSED, **{"reviews-v1": inbound(0)})
    sample = await made.tick(10, page=REFUSED, **{"reviews-v1": inbound(80)})
    told = service_views(made.mesh, sample)[0].counted_because
    assert told.endswith("; what came to a, b and 2 more is in it")


async def test_where_nothing_came_to_any_of_the_two_that_is_evidence() -> None:
    made = bench(page(), reviews())
    shared_with(made, "reviews-primary")
    await made.tick(0, page=REFUSED, **{"reviews-v1": inbound(80)})
    sample = await made.tick(10, page=REFUSED, **{"reviews-v1": inbound(80)})
    assert [view.state for view in service_views(made.mesh, sample)] == 2 * [NO_TRAFFIC]


async def test_the_servers_own_count_says_whose_part_is_missing() -> None:
    made = bench(page(), reviews(), reviews("reviews-b"))
    count = {"page": REFUSED, "reviews-b": REFUSED}
    view = await measured(
        made, {**count, "reviews-v1": inbound(0)}, {**count, "reviews-v1": inbound(73)}
    )
    (row,) = view.versions
    assert row.caller is not None and row.caller.requests == 73
    assert view.counted_because == (
        "productpage was not read: counted by reviews itself; "
        "reviews-b was not read: what came there is missing"
    )


async def test_of_several_callers_the_one_that_was_not_read_is_said_to_be_missing() -> None:
    made = bench(page(), pod("batch", workload="batch"), reviews(), window_s=15)
    both = {"page": stats(5), "batch": stats(5, "batch")}
    await made.tick(0, **both, **{"reviews-v1": REFUSED})
    await made.tick(10, **both, **{"reviews-v1": REFUSED})
    for at in (40, 60):
        sample = await made.tick(at, page=stats(at), batch=REFUSED, **{"reviews-v1": REFUSED})
    view = seen(made.mesh, sample)
    assert view.caller is not None and view.caller.requests > 0
    assert view.counted_because == "batch was not read: what it sends is missing"


async def test_without_anybody_who_counts_it_is_unknown_and_says_who_was_not_read() -> None:
    made = bench(page(), reviews(proxy_container=""), pod("other"))
    answers: Answers = {"page": REFUSED, "other": stats(1, "other").replace("reviews", "details")}
    view = await measured(made, answers, answers)
    (row,) = view.versions
    assert (row.state, row.caller, row.unknown_because) == (
        NOT_KNOWN,
        None,
        "productpage was not read",
    )
    version = services_json(0, None, [view])["services"][0]["versions"][0]
    assert (version["rps"], version["unknown_because"]) == (None, "productpage was not read")


async def test_a_callee_that_cannot_be_read_has_no_view_of_its_own() -> None:
    made = bench(page(), reviews())
    view = await measured(
        made,
        {"page": stats(0.0), "reviews-v1": REFUSED},
        {"page": stats(100), "reviews-v1": REFUSED},
    )
    (row,) = view.versions
    assert (row.state, row.server_state, row.server) == (OK, NOT_KNOWN, None)


def test_the_document_says_what_was_not_read_and_that_clusters_are_summed() -> None:
    notes = ("Prometheus: the numbers sum over the clusters east, west",)
    sample = Sample(1.0, "prometheus", 60.0, read=7, failed=2, problems=notes)
    document = services_json(1.0, sample, [])
    assert (document["proxies_read"], document["proxies_failed"]) == (7, 2)
    assert document["problems"] == list(notes)
    assert services_json(1.0, None, [])["proxies_read"] is None


# What a sidecar answers

NO_COUNTER = "# TYPE istio_agent_go_info gauge\nistio_agent_go_info 1\n"
UNUSABLE = stats(1).replace(" 1\n", " NaN\n")


@pytest.mark.parametrize(
    ("text", "sound"),
    [
        ("", True),
        ("\n\n", True),
        (NO_COUNTER, True),
        ("istio_requests_total{} 5", True),
        ("istio_requests_total 5", True),
        (PAGE, False),
        ('{"error": 1}', False),
        ("upstream connect error or disconnect", False),
        ("no healthy upstream.", False),
        ("404 page not found", False),
    ],
)
def test_a_page_is_no_statistics(text: str, sound: bool) -> None:
    assert is_exposition(text) is sound


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (PAGE, "answers something else than statistics"),
        ("404 page not found", "answers something else than statistics"),
        (UNUSABLE, "are no numbers"),
        (UNUSABLE.replace("NaN", "+Inf"), "are no numbers"),
    ],
)
async def test_what_is_no_statistics_was_not_read(answer: str, why: str) -> None:
    made = Bench(pod("a"), pod("b"))
    sample = await made.tick(0, a=stats(1), b=answer)
    assert (sample.read, sample.failed) == (1, 1)
    assert why in sample.problems[0]


async def by_port(port: int) -> str:
    return NO_COUNTER if port == 15020 else stats(7)


async def test_an_agent_that_answers_without_envoys_part_is_not_believed() -> None:
    made = Bench()
    await made.tick(0, a=by_port)
    assert made.cluster.asked == [("a", 15020), ("a", 15090)]
    assert (await made.tick(2)).clients
    assert made.cluster.asked[2:] == [("a", 15020), ("a", 15090)]


async def test_a_proxy_that_never_had_a_request_is_believed_by_both_ports_and_then_by_one() -> None:
    made = Bench()
    for _ in range(4):
        sample = await made.tick(2, a=NO_COUNTER)
        assert (sample.read, sample.failed) == (1, 0)
    assert [port for _, port in made.cluster.asked] == [15020, 15090, 15020, 15020, 15020]


async def without_envoy(port: int) -> str:
    if port == 15020:
        return NO_COUNTER
    raise Unreachable("refused")


async def test_no_counter_at_one_port_and_no_answer_at_the_other_was_not_read() -> None:
    made = Bench(pod("a"), pod("b"))
    sample = await made.tick(0, a=without_envoy, b=stats(1))
    assert sample.failed == 1
    assert "port 15020 has no counter of requests" in sample.problems[0]


async def test_a_pod_that_was_read_at_one_port_is_asked_at_the_other_when_that_fails() -> None:
    made = Bench()
    open_ports = [15090, 15020, 15090, 15020]

    async def moving(port: int) -> str:
        if port != open_ports[0]:
            raise Unreachable("refused")
        return stats(7)

    while open_ports:
        assert (await made.tick(2, a=moving)).failed == 0
        open_ports.pop(0)


# A kind that may not be read, a namespace that is not there


def test_a_kind_that_answers_403_makes_the_rows_unknown_and_no_subset_missing() -> None:
    raw = {**bookinfo.objects(), "destinationrules": []}
    mesh = parse_mesh(raw, partial={"destinationrules": frozenset()})
    view = next(
        v for v in service_views(mesh, bookinfo.sample(mesh, 1.0)) if v.key.name == "reviews"
    )
    rows = [row for row in view.versions if row.subset]
    assert {row.state for row in rows} == {NOT_KNOWN}
    assert {row.unknown_because for row in rows} == {
        "which pods it has is not known: DestinationRules can't be read"
    }
    (said,) = services_json(1.0, None, [view])["services"]
    for row in (one for one in said["versions"] if one["subset"]):
        assert row["pods"] is row["pods_ready"] is None
    for shown in rows:
        marks = "".join(piece.text for piece in version_marks(shown))
        assert "no ready pod" not in marks and "can't be read" in marks
        assert "?" in services_command._cells(shown)


class Namespaces:
    def __init__(self, *names: str, error: MeshtuiError | None = None) -> None:
        self._names, self._error = names, error

    async def get(self, path: str) -> None:
        if self._error is not None:
            raise self._error
        if path.rpartition("/")[2] not in self._names:
            raise NotFound(path)


MESH = Mesh(services=(SERVICE, replace(SERVICE, key=ServiceKey("payments", "cards"))))


@pytest.mark.parametrize(
    ("namespace", "hint"),
    [("paymets", "did you mean payments?"), ("zzz", "there are: default, payments")],
)
async def test_a_namespace_that_is_not_there_is_refused_with_the_nearest(
    namespace: str, hint: str
) -> None:
    with pytest.raises(NotFound, match=f"there is no namespace {namespace}") as caught:
        await refuse_missing(Namespaces("default"), MESH, namespace)  # type: ignore[arg-type]
    assert caught.value.hint == hint


@pytest.mark.parametrize("cluster", [Namespaces("empty"), Namespaces(error=Unreachable("down"))])
async def test_an_empty_namespace_and_one_that_cannot_be_asked_for_are_not_refused(
    cluster: Namespaces,
) -> None:
    await refuse_missing(cluster, MESH, "empty")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("ratio", "called", "said"),
    [
        (0.05, 0, "5.0% of copies fail"),
        (0.05, 100, ""),
        (0.0, 0, ""),
        (1.0, 0, "100% of copies fail"),
    ],
)
def test_a_version_that_answers_copies_alone_is_not_passed_over(
    ratio: float, called: float, said: str
) -> None:
    server, caller = Signals(400, 40.0, ratio), Signals(called, called / 10, 0.0)
    row = VersionView(
        "v3",
        host="reviews",
        mirrored_percent=100.0,
        caller=caller,
        server=server,
        server_state=state_of(server, Thresholds()),
    )
    marks = "".join(piece.text for piece in version_marks(row))
    assert ("copies fail" in marks) is bool(said) and said in marks

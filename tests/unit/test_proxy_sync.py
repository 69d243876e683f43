"""The sync state of proxies: istiod's own account as it wrote it, and what is known without it."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from meshtui.cli.main import main
from meshtui.cli.status import grouped
from meshtui.diagnosis.proxy_sync import (
    CUT_OFF,
    ProxyAnswer,
    ProxyRow,
    Refusal,
    SyncFacts,
    counts_of,
    is_cut_off,
    kind_of,
    logged_refusals,
    proxy_rows,
    refusal_line,
    refusal_words,
    row_lines,
    types_words,
)
from meshtui.diagnosis.refused_config import RefusedConfig, RefusedConfigs, findings_of
from meshtui.envoy import istiod as istiods
from meshtui.errors import MeshtuiError, NotAllowed, Unreachable
from meshtui.kube import logs
from meshtui.mesh.model import Mesh, Pod
from meshtui.mesh.parse import parse_mesh, parse_pod
from meshtui.mesh.pod_status import stamp
from meshtui.mesh.syncz import ERROR, NOT_SENT, STALE, SYNCED, ProxySync, newest_of, parse_syncz
from meshtui.operations.look import proxy_sync
from meshtui.operations.look.proxy_counters import Counters
from meshtui.operations.look.proxy_status import (
    NO_WAY,
    answer_of,
    parse_scraped,
    read_answers,
)
from meshtui.operations.look.proxy_sync import read_refusing, read_sync
from tests.unit.objects import pod, service
from tests.unit.test_cli_analysis import use

DATA = Path(__file__).parent / "data"
RECORDED = json.loads((DATA / "syncz.json").read_text())
"""Of a real istiod: one proxy refuses listeners and routes, one is stopped, two are well."""

LOG = (DATA / "refusing.log").read_text()
NOW = stamp("2026-11-27T23:35:00Z") or 0.0
BROKEN = ("terminal-a", "broken-v1-6fd4894799-lzf2v")
STOPPED = ("terminal-a", "shop-v1-6b689f4584-67cvf")
WELL = ("terminal-a", "shop-v1-6b689f4584-nzlfv")
DOOR = ("istio-system", "istio-ingressgateway-7bc6796775-5r2l5")
REASON = (
    "0.0.0.0_9080: Proto constraint validation failed (ListenerValidationError."
    "ConnectionBalanceConfig: embedded message failed validation | "
    'caused by field: "balance_type", reason: is required)'
)


def clients(found: Any = RECORDED) -> dict[tuple[str, str], ProxySync]:
    return newest_of(parse_syncz(found, "istiod-1"))


def proxy(place: tuple[str, str], **changes: Any) -> Pod:
    found = parse_pod(pod("shop", "v1", namespace=place[0]))
    given = {"name": place[1], "proxy_version": "1.32.0", "phase": "Running", **changes}
    return replace(found, **given)


def only(rows: tuple[ProxyRow, ...]) -> ProxyRow:
    (row,) = rows
    return row


def row_of(
    place: tuple[str, str] = WELL,
    answer: ProxyAnswer | None = None,
    counted: RefusedConfigs = RefusedConfigs(),  # noqa: B008 - frozen
    trouble: str = "",
    listed: tuple[ProxySync, ...] = (),
    **changes: Any,
) -> ProxyRow:
    answers = {place: answer} if answer else {}
    return only(
        proxy_rows([proxy(place, **changes)], SyncFacts(listed, trouble, counted, answers), NOW)
    )


def test_each_type_is_as_istioctl_has_it() -> None:
    found = {place: {t.type: t.state for t in one.types} for place, one in clients().items()}
    assert found[BROKEN] == {"CDS": SYNCED, "LDS": ERROR, "EDS": SYNCED, "RDS": ERROR}
    assert set(found[STOPPED].values()) == {STALE}
    assert set(found[WELL].values()) == set(found[DOOR].values()) == {SYNCED}
    assert (clients()[DOOR].kind, clients()[WELL].kind) == ("router", "sidecar")


def test_a_version_is_that_of_the_push_and_says_when_it_began() -> None:
    listeners = clients()[BROKEN].of("LDS")
    assert listeners is not None
    assert listeners.acked == "2026-11-27T23:27:38Z/29"
    assert listeners.acked_at == stamp("2026-11-27T23:27:38Z")
    assert (listeners.sent_at or 0.0) > (listeners.acked_at or 0.0)


def test_an_older_istiod_gives_the_nonces_alone_and_its_counts_tell_a_refusal() -> None:
    old = [{key: value for key, value in one.items() if key != "resources"} for one in RECORDED]
    broken = clients(old)[BROKEN]
    assert {one.type: one.state for one in broken.types} == {
        "CDS": SYNCED,
        "LDS": STALE,
        "EDS": SYNCED,
        "RDS": STALE,
    }
    counted = RefusedConfigs((RefusedConfig(*BROKEN, kinds=("rds",)),))
    row = row_of(BROKEN, counted=counted, listed=(broken,))
    assert row.state == "refuses"
    assert [(one.type, one.still) for one in row.refused] == [("RDS", True)]
    assert is_cut_off(row.refused[0])


@pytest.mark.parametrize(
    "found",
    [
        None,
        {},
        [1, None, "x", {}, {"proxy": "nodot"}, {"proxy": ".ns"}],
        [{"proxy": "a.b", "resources": {"x": 1, "": {"sent": 5, "sentTime": "soon"}}}],
        [{"proxy": "a.b", "resources": [], "cluster_sent": {}}],
    ],
)
def test_what_is_no_account_is_passed_over(found: Any) -> None:
    for one in parse_syncz(found):
        assert all(t.state == NOT_SENT for t in one.types)
    assert proxy_rows([], SyncFacts(parse_syncz(found)), NOW) is not None


def test_a_type_that_was_never_sent_is_so_and_has_no_time() -> None:
    url = "type.googleapis.com/envoy.config.route.v3.RouteConfiguration"
    entry = {"proxy": "a.b", "resources": {url: {"sentTime": "0001-01-01T00:00:00Z"}}}
    (one,) = parse_syncz([entry])[0].types
    assert (one.type, one.state, one.sent_at) == ("RDS", NOT_SENT, None)
    row = only(proxy_rows([], SyncFacts(parse_syncz([entry])), NOW))
    assert (row.state, row.why.partition(";")[0]) == (
        "stale",
        "is connected, and was sent nothing yet",
    )


def test_of_two_istiods_that_know_a_proxy_the_one_that_sent_last_counts() -> None:
    (one,) = (c for c in parse_syncz(RECORDED, "old") if (c.namespace, c.name) == WELL)
    later = tuple(replace(t, sent_at=(t.sent_at or 0) + 60) for t in one.types)
    newer = replace(one, istiod="new", types=later)
    assert newest_of([one, newer])[WELL].istiod == newest_of([newer, one])[WELL].istiod == "new"


def test_rows_of_a_recorded_mesh() -> None:
    pods = [proxy(place) for place in (BROKEN, STOPPED, WELL, DOOR)]
    rows = {row.place: row for row in proxy_rows(pods, SyncFacts(parse_syncz(RECORDED)), NOW)}
    states = {place: row.state for place, row in rows.items()}
    assert states == {BROKEN: "refuses", STOPPED: "stale", WELL: "in sync", DOOR: "in sync"}
    assert [rows[place].in_sync for place in (BROKEN, STOPPED, WELL)] == [False, False, True]
    assert rows[STOPPED].why.startswith("has not acknowledged CDS, LDS, EDS, RDS for ")
    assert [(one.type, one.words) for one in rows[BROKEN].refused] == [
        ("LDS", f"0.0.0.0_9080: {CUT_OFF}"),
        ("RDS", "missing ): ("),
    ]
    assert list(counts_of(rows.values()).items()) == [("refuses", 1), ("stale", 1), ("in sync", 2)]
    sync = rows[BROKEN].sync
    assert sync is not None and types_words(sync) == "2 in sync, LDS ERROR, RDS ERROR"
    assert rows[WELL].version == "1.32.0"


def test_a_client_that_is_no_pod_of_ours_is_a_row_too() -> None:
    row = only(proxy_rows([], SyncFacts([clients()[DOOR]]), NOW))
    assert (row.kind, row.pod, row.version) == ("gateway", None, "unknown")
    assert row.why == "no pod of this name is known here"


UNREAD = "you may not port-forward"


@pytest.mark.parametrize(
    ("given", "state", "why"),
    [
        # istiod has answered, and does not name it
        ({}, "not connected", "istiod does not know it"),
        ({"answer": ProxyAnswer(trouble="gone")}, "not connected", "istiod does not know it; gone"),
        ({"answer": ProxyAnswer(False)}, "not connected", "it says that it is not connected"),
        ({"answer": ProxyAnswer(True)}, "unknown", "an istiod that was not asked, or only now"),
        # istiod could not be asked
        ({"trouble": UNREAD}, "unknown", "it does not say whether it is connected"),
        ({"trouble": UNREAD, "answer": ProxyAnswer(trouble="gone")}, "unknown", "gone"),
        (
            {"trouble": UNREAD, "answer": ProxyAnswer(counts=True)},
            "unknown",
            "it refused nothing, ",
        ),
        ({"trouble": UNREAD, "answer": ProxyAnswer(False)}, "not connected", "not connected to"),
        ({"trouble": UNREAD, "answer": ProxyAnswer(True)}, "in sync", ""),
        (
            {"trouble": UNREAD, "answer": ProxyAnswer(True), "counted": RefusedConfigs((), "no")},
            "unknown",
            "only istiod knows",
        ),
        (
            {"trouble": UNREAD, "answer": ProxyAnswer(True, {"CDS": 1})},
            "unknown",
            "only istiod knows",
        ),
        # there is no proxy to ask yet
        ({"phase": "Pending"}, "not running", "its pod is Pending"),
        ({"phase": "Pending", "waits_for": "Unschedulable"}, "not running", "Unschedulable"),
    ],
)
def test_a_proxy_that_istiod_does_not_name_is_a_row_with_the_reason(
    given: Mapping[str, Any], state: str, why: str
) -> None:
    row = row_of(**given)
    assert row.state == state
    assert why in row.why and bool(why) == bool(row.why)


def test_of_a_pod_that_has_ended_there_is_no_proxy() -> None:
    assert proxy_rows([proxy(WELL, phase="Succeeded")], SyncFacts(), NOW) == ()


def test_only_routes_show_that_a_refusal_is_over() -> None:
    """A cluster was refused, and istiod's account was in sync again after the next update: that
    did not have it, and the proxy served the cluster as it was before."""
    since = "it has taken updates since; whether one brought what it refused is not known"
    for missing, words, still in (
        (None, f"has refused RDS; {since}", None),
        ((), "has refused RDS before, and takes it now", False),
    ):
        counted = RefusedConfigs((RefusedConfig(*WELL, ("cds", "rds"), missing),))
        row = row_of(counted=counted, listed=(clients()[WELL],))
        assert (row.state, [one.still for one in row.refused]) == ("in sync", [None, still])
        assert row_lines(row, NOW) == [f"has refused CDS; {since}", words]


def test_a_refusal_in_words() -> None:
    now = Refusal("LDS", "no", True, NOW - 6)
    assert refusal_line(now, NOW) == "refuses LDS (sent 6s ago): no"
    assert refusal_line(Refusal("CDS"), NOW).endswith("whether it still does is not known")


def test_the_reason_that_istiod_cuts_off_stands_in_the_proxys_log() -> None:
    assert logged_refusals(LOG) == {"RDS": "missing ): (", "LDS": REASON}
    lines = LOG.split("\tthread=")
    as_json = "\n".join(json.dumps({"level": "warning", "msg": part}) for part in lines)
    assert logged_refusals(as_json) == {"RDS": "missing ): (", "LDS": REASON}


@pytest.mark.parametrize(
    "text", ["", "{", "[" * 9999, "config for type.googleapis.com/ rejected: "]
)
def test_a_log_without_refusals_has_none(text: str) -> None:
    assert logged_refusals(text) == {}


def test_words_of_a_refusal_drive_no_terminal_and_are_one_line() -> None:
    assert refusal_words("a\n b\x1b[31m") == "a b^[[31m"
    assert len(refusal_words("x" * 9999)) == 600
    assert refusal_words("goo.gle/debugstr \n: \n") == CUT_OFF


WAYPOINT = {"gateway.networking.k8s.io/gateway-class-name": "istio-waypoint"}
OLDER_WAYPOINT = {"gateway.istio.io/managed": "istio.io-mesh-controller"}


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({}, "sidecar"),
        ({"gateway": True}, "gateway"),
        ({"gateway": True, "labels": WAYPOINT}, "waypoint"),
        ({"gateway": True, "labels": OLDER_WAYPOINT}, "waypoint"),
    ],
)
def test_what_kind_of_proxy_a_pod_runs(changes: Mapping[str, Any], kind: str) -> None:
    assert kind_of(proxy(WELL, **changes)) == kind


def test_a_proxys_counters_tell_the_same_by_both_ways() -> None:
    one = proxy(WELL)
    counts = {
        "cluster.xds-grpc;.upstream_rq_active": 1,
        "listener_manager.lds.update_rejected": 2,
        "cluster_manager.cds.update_rejected": 0,
        "http.outbound_0.0.0.0_9080;.rds.9080.update_rejected": 3,
    }
    assert answer_of(Counters(one, counts)) == ProxyAnswer(True, {"LDS": 2, "RDS": 3}, counts=True)
    assert answer_of(Counters(one, trouble="gone")) == ProxyAnswer(trouble="gone")
    text = (
        'envoy_cluster_upstream_rq_active{cluster_name="xds-grpc"} 1\n'
        'envoy_cluster_upstream_rq_active{cluster_name="sds-grpc"} 0\n'
        "envoy_listener_manager_lds_update_rejected{} 2\n"
        "envoy_cluster_manager_cds_update_rejected{} 0\n"
    )
    assert parse_scraped(text) == ProxyAnswer(True, {"LDS": 2}, counts=True)
    assert parse_scraped("") == ProxyAnswer()


# Reading


def recorded_mesh() -> Mesh:
    """The pods of what was recorded, with their istiod."""
    istiod = pod("istiod", "v1", namespace="istio-system")
    istiod["spec"]["containers"] = [{"name": "discovery"}]
    raws = [istiod]
    for space, name in (BROKEN, STOPPED, WELL):
        raw = pod("shop" if name.startswith("shop") else "broken", "v1", namespace=space)
        raw["metadata"]["name"] = name
        raws.append(raw)
    return parse_mesh({"services": [service("shop", namespace="terminal-a")], "pods": raws})


Answer = bytes | MeshtuiError


def answering(
    monkeypatch: pytest.MonkeyPatch,
    answer: Answer,
    says: Mapping[tuple[str, str], ProxyAnswer] = MappingProxyType({}),
    log: bytes = LOG.encode(),
) -> list[str]:
    """Lets istiod, its counts, the proxies and their logs answer; who was asked, in order."""
    asked: list[str] = []

    async def istiod_get(_: Any, namespace: str, name: str, path: str) -> bytes:
        asked.append(f"{namespace}/{name}{path}")
        if isinstance(answer, MeshtuiError):
            raise answer
        return answer

    async def counted(*_: Any) -> RefusedConfigs:
        return RefusedConfigs()

    async def answers(_: Any, pods: Sequence[Pod], most: int) -> Mapping[Any, ProxyAnswer]:
        asked.extend(one.name for one in pods)
        return {place: says[place] for place in says}

    async def pod_log(*_: Any, **more: Any) -> AsyncGenerator[bytes, None]:
        asked.append(f"log since {more['since'] // 10**9}")
        for line in log.split(b"\n"):
            yield line

    monkeypatch.setattr(istiods, "istiod_get", istiod_get)
    monkeypatch.setattr(proxy_sync, "read_refused", counted)
    monkeypatch.setattr(proxy_sync, "read_answers", answers)
    monkeypatch.setattr(logs, "pod_log", pod_log)
    return asked


SYNCZ = (DATA / "syncz.json").read_bytes()


async def test_istiod_is_asked_and_the_log_of_a_proxy_whose_reason_it_cut_off(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = answering(monkeypatch, SYNCZ)
    found = await read_sync(Any, recorded_mesh(), clock=lambda: NOW)  # type: ignore[arg-type]
    assert asked[0] == "istio-system/istiod-v1-5f6d-1/debug/syncz"
    assert [one[:9] for one in asked[1:]] == ["log since"]
    assert [(one.name, one.clients) for one in found.istiods] == [("istiod-v1-5f6d-1", 4)]
    rows = {row.place: row for row in found.rows}
    assert set(rows) == {BROKEN, STOPPED, WELL, DOOR}
    assert [one.words for one in rows[BROKEN].refused] == [REASON, "missing ): ("]
    assert (found.trouble, found.by_istiod, found.silent) == ("", True, False)


async def test_a_finding_has_the_words_of_istiods_account(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of what no proxy shows; of routes alone, or where nothing is refused, nobody is asked."""
    asked = answering(monkeypatch, SYNCZ)
    refused = (RefusedConfig(*BROKEN, ("lds", "cds")), RefusedConfig(*WELL, ("cds",)))
    found = await read_refusing(Any, recorded_mesh(), RefusedConfigs(refused))  # type: ignore[arg-type]
    broken, well = found.found
    assert [kind for kind, _ in broken.said] == ["lds", "rds"] and broken.unseen == ("cds",)
    assert broken.still is True and (well.said, well.still) == ((), None)
    first, second = findings_of(found, NOW)
    assert (first.severity, second.severity) == ("error", "info")
    assert f"refuses listeners (LDS): {REASON}" in first.effect
    assert "It has refused clusters (CDS), too." in first.effect
    asked.clear()
    routes = RefusedConfigs((RefusedConfig(*BROKEN, ("rds",)),))
    assert await read_refusing(Any, recorded_mesh(), routes) is routes  # type: ignore[arg-type]
    assert not asked


@pytest.mark.parametrize(
    ("answer", "trouble"),
    [(NotAllowed("you may not"), "you may not"), (b"<html>", "not JSON"), (b"[" * 9999, "JSON")],
)
async def test_without_istiods_account_the_proxies_are_asked(
    monkeypatch: pytest.MonkeyPatch, answer: Answer, trouble: str
) -> None:
    asked = answering(monkeypatch, answer, {WELL: ProxyAnswer(True), BROKEN: ProxyAnswer(False)})
    found = await read_sync(Any, recorded_mesh(), lambda space, _: space == "terminal-a")  # type: ignore[arg-type]
    assert asked[1:] == [BROKEN[1], STOPPED[1], WELL[1]]
    assert {row.place: row.state for row in found.rows} == {
        BROKEN: "not connected",
        STOPPED: "unknown",
        WELL: "in sync",
    }
    assert trouble in found.trouble
    assert not found.by_istiod


async def test_a_mesh_without_an_istiod_of_its_own_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    answering(monkeypatch, SYNCZ)
    whole = recorded_mesh()
    pods = tuple(one for one in whole.pods if one.namespace != "istio-system")
    found = await read_sync(Any, replace(whole, pods=pods))  # type: ignore[arg-type]
    assert (found.trouble, found.silent) == ("no istiod runs in istio-system", True)


class Guarded:
    """A cluster where neither way is allowed; what was tried."""

    server = "https://test"

    def __init__(self) -> None:
        self.tried: list[str] = []

    async def port_forward(self, namespace: str, name: str, port: int, **_: Any) -> None:
        self.tried.append(f"{namespace}/{name}:{port}")
        raise NotAllowed("no")

    async def upgrade(self, ask: Any, *_: Any, **__: Any) -> None:
        self.tried.append(" ".join((ask.params["container"], *ask.params["command"])))
        raise NotAllowed("no")

    async def get_text(self, path: str, *_: Any, **__: Any) -> str:
        self.tried.append(path.rpartition("/pods/")[2])
        if ":15020" in path:
            raise Unreachable("the agent is away")
        return 'envoy_cluster_upstream_rq_active{cluster_name="xds-grpc"} 1\n'


async def test_istiod_is_asked_on_its_own_loopback_by_either_way() -> None:
    cluster = Guarded()
    with pytest.raises(NotAllowed, match="istio-system/istiod-1"):
        await istiods.istiod_get(cluster, "istio-system", "istiod-1", "/debug/syncz")  # type: ignore[arg-type]
    assert cluster.tried == [
        "istio-system/istiod-1:15014",
        "discovery pilot-discovery request GET /debug/syncz",
    ]


async def test_who_may_only_get_pods_by_the_pod_proxy_still_learns_that_they_are_connected() -> (
    None
):
    cluster = Guarded()
    pods = [proxy(WELL), proxy(STOPPED)]
    found = await read_answers(cluster, pods, 1)  # type: ignore[arg-type]
    assert found[WELL] == ProxyAnswer(True)
    assert found[STOPPED].trouble == "not asked, as one of more than 1: -n narrows it"
    assert cluster.tried[-2:] == [
        f"{WELL[1]}:15020/proxy/stats/prometheus",
        f"{WELL[1]}:15090/proxy/stats/prometheus",
    ]


async def test_who_may_only_read_pods_is_told_the_least_that_is_missing_once_for_all() -> None:
    class Closed(Guarded):
        async def get_text(self, path: str, *_: Any, **__: Any) -> str:
            raise NotAllowed("no")

    pods = [proxy(WELL), proxy(STOPPED)]
    found = await read_answers(Closed(), pods, 2)  # type: ignore[arg-type]
    assert {one.trouble for one in found.values()} == {NO_WAY}


# The command


def run(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    *words: str,
    answer: Answer = SYNCZ,
) -> tuple[int, str, str]:
    answering(monkeypatch, answer)
    use(monkeypatch, recorded_mesh(), namespace="terminal-a")
    status = main(["status", *words])
    return status, *capsys.readouterr()


Capture = pytest.CaptureFixture[str]


def test_the_table_has_every_proxy_of_the_mesh_and_below_it_what_is_wrong(
    monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    status, out, err = run(monkeypatch, capsys)
    lines = [line.split() for line in out.splitlines()]
    assert status == 0
    assert lines[0][:8] == ["PROXY", "KIND", "VERSION", "STATE", "CDS", "LDS", "EDS", "RDS"]
    assert [line[0].rpartition(".")[2] for line in lines[1:5]] == [
        "istio-system",
        *["terminal-a"] * 3,
    ]
    assert lines[2][3:8] == ["refuses", "SYNCED", "ERROR", "SYNCED", "ERROR"]
    assert f"{BROKEN[1]}.terminal-a: refuses LDS (sent " in out and REASON in out
    assert err == "meshtui: 4 proxies: 1 refuses, 1 stale, 2 in sync\n"


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (("-n", "istio-system"), [DOOR[1]]),
        (("-n", "nowhere"), []),
        (("shop",), [STOPPED[1], WELL[1]]),
        (("shop.terminal-a", "-A"), [STOPPED[1], WELL[1]]),
        (("-A",), [DOOR[1], BROKEN[1], STOPPED[1], WELL[1]]),
    ],
)
def test_a_namespace_or_a_service_narrows_it(
    monkeypatch: pytest.MonkeyPatch, capsys: Capture, words: Sequence[str], names: list[str]
) -> None:
    status, out, _ = run(monkeypatch, capsys, *words, "-o", "json")
    assert (status, [one["name"] for one in json.loads(out)["proxies"]]) == (0, names)


def test_as_data(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    _, out, _ = run(monkeypatch, capsys, "-o", "json")
    found = json.loads(out)
    assert (found["source"], found["trouble"]) == ("istiod", None)
    assert found["istiods"] == [{"name": "istiod-v1-5f6d-1", "clients": 4, "trouble": None}]
    assert found["counts"] == {"refuses": 1, "stale": 1, "in_sync": 2}
    broken = next(one for one in found["proxies"] if one["name"] == BROKEN[1])
    assert (broken["state"], broken["in_sync"], broken["kind"]) == ("refuses", False, "sidecar")
    listeners = broken["types"]["LDS"]
    assert (listeners["state"], listeners["acked_version"]) == ("ERROR", "2026-11-27T23:27:38Z/29")
    assert listeners["acked"] == "2026-11-27T23:27:38.000Z"
    assert broken["types"]["ECDS"] is None
    assert broken["refused"][1]["words"] == "missing ): ("
    assert [one["still"] for one in broken["refused"]] == [True, True]


def test_where_nothing_is_known_of_any_proxy_each_is_a_row_with_the_reason_and_the_status_is_5(
    monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    status, out, err = run(monkeypatch, capsys, "-o", "json", answer=NotAllowed("you may not"))
    found = json.loads(out)
    assert status == 5
    assert [(one["state"], one["in_sync"]) for one in found["proxies"]] == [("unknown", None)] * 3
    assert (found["source"], found["trouble"]) == ("proxies", "you may not")
    assert "istiod's own account of its proxies is not known: you may not" in err


def test_words_that_several_proxies_have_are_told_once() -> None:
    found = grouped([("a", ["x"]), ("b", ["x", "y"]), ("c", ["x"]), ("d", [])])
    assert found == ["a and 2 more: x", "b: y"]

"""Several contexts at once: which are meant, what is the sum of them, and what is not known."""

from __future__ import annotations

import json
import pickle
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from math import inf
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from meshtui.changes.build import build_change
from meshtui.changes.change import Plan, Request, Shift, Target
from meshtui.changes.outcome import Outcome
from meshtui.cli import connect as opening
from meshtui.cli.main import main
from meshtui.errors import Conflict, MeshtuiError, NotAllowed, NotFound, Unreachable, Usage
from meshtui.kube.context_group import members_of
from meshtui.mesh.clusters import ClusterReading, added, sums
from meshtui.mesh.model import Mesh, ServiceKey
from meshtui.mesh.placed import PlacedKey, cluster_of, placed, plain
from meshtui.mesh.signals import Sample, Signals, VersionKey
from meshtui.mesh.view import service_views
from meshtui.operations.change.in_clusters import apply_in_turn
from meshtui.operations.options import Options
from tests.unit.explaining import mesh_of, signals
from tests.unit.objects import route

Capture = pytest.CaptureFixture[str]
REVIEWS = ServiceKey("default", "reviews")
V1, V3 = VersionKey(REVIEWS, "v1"), VersionKey(REVIEWS, "v3")


def kubeconfig(**servers: str) -> dict[str, Any]:
    """A context and a cluster for each name, at these servers."""
    return {
        "clusters": [{"name": n, "cluster": {"server": url}} for n, url in servers.items()],
        "users": [{"name": "me", "user": {}}],
        "contexts": [{"name": n, "context": {"cluster": n, "user": "me"}} for n in servers],
        "current-context": next(iter(servers)),
    }


CONFIG = kubeconfig(east="https://e", west="https://w/", north="https://n", **{"a,b": "https://c"})
GROUPS = {"shop": ("east", "west"), "east": ("west", "north"), "lost": ("east", "sout")}


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ("east,west", ("east", "west")),
        (" west , east ,", ("west", "east")),
        ("shop", ("east", "west")),
        ("shop,north", ("east", "west", "north")),
        ("a,b", ()),  # a context of that name
        ("east", ()),  # a context goes before a group of its name
        ("east,", ()),  # one of them is one cluster
        ("nowhere", ()),  # connecting says what is wrong with it
    ],
)
def test_a_list_or_a_group_of_contexts(given: str, found: tuple[str, ...]) -> None:
    assert members_of(given, CONFIG, GROUPS) == found


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("east,wst", "no context named wst: did you mean west?"),
        ("east,shp", "no context named shp: did you mean shop?"),
        ("east,\x1b[2Jzzzzzzzz", "there are: east, west, north, a,b"),
        ("lost", "no context named sout: there are"),
        ("east,east", "context east stands twice"),
        ("shop,west", "context west stands twice"),
        (",", "--context names no context"),
    ],
)
def test_a_wrong_name_is_named_with_the_nearest(given: str, words: str) -> None:
    with pytest.raises(Usage) as raised:
        members_of(given, CONFIG, GROUPS)
    assert words in str(raised.value)
    assert "\x1b" not in str(raised.value)


def test_two_users_of_one_server_are_no_two_clusters() -> None:
    config = kubeconfig(admin="https://e", viewer="https://e/")
    with pytest.raises(Usage, match="admin and viewer are the same cluster"):
        members_of("admin,viewer", config, {})


# Sums


def timed(rps: float, ratio: float, slow: float = 0.0) -> Signals:
    """A window of ten seconds, in which the part `slow` took more than 100 ms."""
    n = rps * 10
    return Signals(n, rps, ratio, 50, 50, 50, buckets={100.0: n * (1 - slow), inf: n})


def sample(v1: Signals, v3: Signals) -> Sample:
    totals = {REVIEWS: replace(v1, requests=v1.requests + v3.requests, rps=v1.rps + v3.rps)}
    return Sample(1.0, "test", 10.0, {V1: v1, V3: v3}, {V1: v1, V3: v3}, totals, totals)


def read(name: str, measured: Sample | None, **more: Any) -> ClusterReading:
    views = service_views(mesh_of(), measured)
    window_s = measured.window_s if measured else 0.0
    return ClusterReading(name, views, **{"window_s": window_s, **more})


def test_the_same_service_is_added_and_its_versions_by_name() -> None:
    readings = [
        read("east", sample(signals(10), signals(2))),
        read("west", sample(signals(30), signals(4, c503=20))),
    ]
    found = {one.key.name: one for one in sums(readings)}["reviews"]
    assert found.clusters == ("east", "west")
    assert found.signals is not None and found.signals.rps == 46
    v1, v3 = found.versions
    assert (v1.version, v1.pods, v1.pods_ready) == ("v1", 2, 2)
    assert v3.signals is not None
    assert (v3.signals.rps, v3.signals.requests) == (6, 60)
    assert v3.signals.error_ratio == pytest.approx(20 / 60)
    assert found.unknown == ()


def test_a_cluster_without_numbers_makes_the_sum_unknown_and_never_smaller() -> None:
    measured = read("east", sample(signals(10), signals(2)))
    blind = read("west", None, unmeasured="no Prometheus")
    found = sums([measured, blind])[-1]
    assert found.key == REVIEWS
    assert found.signals is None
    assert all(version.signals is None for version in found.versions)
    assert [version.pods for version in found.versions] == [2, 2]
    assert found.because == "west: no Prometheus"


def test_a_cluster_out_of_reach_may_hold_each_of_the_services() -> None:
    measured = read("east", sample(signals(10), signals(2)))
    found = sums([measured, ClusterReading("west", unread="no route to host")])
    assert {one.key.name for one in found} == {"productpage", "reviews"}
    for one in found:
        assert one.signals is None
        assert {version.pods for version in one.versions} <= {None}
        assert ("west", "no route to host") in one.unknown


def test_what_stands_in_one_cluster_has_no_sum() -> None:
    assert sums([read("east", None), ClusterReading("west")]) == ()


def test_windows_of_other_lengths_have_the_same_say_in_ratios() -> None:
    """Both take 10 requests/s and half of one cluster's fail: a quarter fails."""
    short, long = timed(10, 0.5, slow=1.0), timed(10, 0.0)
    stretched = replace(
        long,
        requests=long.requests * 30,
        buckets={bound: count * 30 for bound, count in long.buckets.items()},
    )
    found = added([(short, 10.0), (stretched, 300.0)])
    assert found is not None
    assert (found.rps, found.requests) == (20, 3100)
    assert found.error_ratio == pytest.approx(0.25)
    assert found.slower_than(100) == pytest.approx(0.5)
    assert added([(short, 10.0), (None, 10.0)]) is None
    even = added([(short, 10.0), (long, 10.0)])
    assert even is not None and even.error_ratio == pytest.approx(0.25)


# The command line


@pytest.fixture
def clusters(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Mesh | MeshtuiError]:
    """What is read in each context; the callers of reviews' v1 are measured in all of them."""
    path = tmp_path / "kubeconfig"
    path.write_text(yaml.safe_dump(CONFIG))
    monkeypatch.setenv("KUBECONFIG", str(path))
    settings = tmp_path / "config" / "meshtui"
    settings.mkdir(parents=True)
    settings.joinpath("config.yaml").write_text("groups: {shop: [east, west]}\n")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    found: dict[str, Mesh | MeshtuiError] = {"east": mesh_of(), "west": mesh_of()}

    async def measured(*_: Any, **__: Any) -> tuple[Sample, None, None]:
        return sample(signals(10), signals(2)), None, None

    @asynccontextmanager
    async def session(arguments: Any) -> AsyncIterator[Any]:
        async def read_mesh() -> Mesh:
            mesh = found[arguments.context]
            if isinstance(mesh, MeshtuiError):
                raise mesh
            return mesh

        cluster = SimpleNamespace(namespace="default")
        yield SimpleNamespace(read_mesh=read_mesh, cluster=cluster, options=Options())

    async def part(*_: Any) -> None:
        return None

    monkeypatch.setattr(opening, "session", session)
    monkeypatch.setattr(opening, "sample_and_hour", measured)
    monkeypatch.setattr(opening, "part", part)
    return found


Clusters = Mapping[str, Any]


def test_one_table_with_a_column_for_the_cluster_and_a_row_for_the_sum(
    clusters: Clusters, capsys: Capture
) -> None:
    assert main(["services", "--context", "shop"]) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert rows[0][:3] == ["CLUSTER", "SERVICE", "VERSION"]
    total = next(row for row in rows if row[:4] == ["2", "clusters", "reviews", "all"])
    assert (total[4], total[-1]) == ("24.0", "4/4")
    assert [row[0] for row in rows if "reviews" in row] == ["2", "east", "west"]


def test_a_cluster_out_of_reach_is_a_row_with_its_reason_and_status_5(
    clusters: dict[str, Any], capsys: Capture
) -> None:
    clusters["west"] = Unreachable("https://w cannot be reached", "is the cluster up?")
    assert main(["services", "--context", "east,west"]) == 5
    out, err = capsys.readouterr()
    last = out.splitlines()[-1]
    assert last.split()[:2] == ["west", "?"] and "(https://w cannot be reached)" in last
    assert "clusters" not in out and "12.0" not in out.splitlines()[-1]
    assert "meshtui: west: https://w cannot be reached: is the cluster up?" in err


def test_as_data_nothing_of_a_cluster_out_of_reach_counts_as_zero(
    clusters: dict[str, Any], capsys: Capture
) -> None:
    clusters["west"] = Unreachable("https://w cannot be reached")
    assert main(["services", "--context", "east,west", "-o", "json"]) == 5
    found = json.loads(capsys.readouterr().out)
    assert [one["error"] for one in found["clusters"]] == [None, "https://w cannot be reached"]
    assert {one["cluster"] for one in found["services"]} == {"east"}
    (total,) = [one for one in found["sums"] if one["name"] == "reviews"]
    assert (total["clusters"], total["rps"], total["requests"]) == (["east"], None, None)
    assert total["unknown"] == [{"cluster": "west", "because": "https://w cannot be reached"}]


def test_the_document_of_a_service_is_that_of_one_cluster_and_its_name(
    clusters: Clusters, capsys: Capture
) -> None:
    assert main(["services", "--context", "north,a,b", "-o", "json"]) == 2  # a and b are none
    assert main(["services", "--context", "east", "-o", "json"]) == 0
    alone = json.loads(capsys.readouterr().out)
    assert main(["services", "--context", "east,west", "-o", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [one for one in found["services"] if one["cluster"] == "east"] == [
        {"cluster": "east", **one} for one in alone["services"]
    ]


def test_a_service_that_one_of_them_lacks_is_no_failure(
    clusters: dict[str, Any], capsys: Capture
) -> None:
    clusters["west"] = Mesh()
    assert main(["services", "reviews", "--context", "east,west"]) == 0
    out, err = capsys.readouterr()
    assert "west" not in out and "meshtui: west: no service reviews" in err
    clusters["east"] = NotFound("no service reviews")
    assert main(["services", "reviews", "--context", "east,west"]) == 1


def test_a_cluster_of_other_rights_has_its_own_status(clusters: dict[str, Any]) -> None:
    clusters["west"] = NotAllowed("you may not list services")
    assert main(["services", "--context", "east,west"]) == 4


def test_a_command_for_one_cluster_says_so_in_one_line(clusters: Clusters, capsys: Capture) -> None:
    assert main(["logs", "reviews", "--context", "shop"]) == 2
    err = capsys.readouterr().err
    assert err == "meshtui: logs works in one cluster: name one, as in --context east\n"


def test_a_command_that_reads_prints_each_cluster_under_its_name(
    clusters: dict[str, Any], monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    from meshtui.operations.look import refused_config

    async def read_refused(*_: Any) -> refused_config.RefusedConfigs:
        return refused_config.RefusedConfigs()

    monkeypatch.setattr(refused_config, "read_refused", read_refused)
    clusters["east"] = mesh_of({"route": [{"destination": {"host": "reviews", "subset": "v9"}}]})
    clusters["west"] = Unreachable("https://w cannot be reached")
    assert main(["analyze", "--context", "shop"]) == 5
    out, err = capsys.readouterr()
    assert out.splitlines()[0] == "east:" and "missing-subset" in out
    assert "meshtui: east: 1 found in namespace default" in err
    assert "meshtui: west: https://w cannot be reached" in err
    assert main(["analyze", "--context", "shop", "-o", "json"]) == 5
    east, west = json.loads(capsys.readouterr().out)["clusters"]
    assert east["error"] is None and east["document"]["findings"]
    assert west == {"cluster": "west", "error": "https://w cannot be reached", "document": None}


# The same change in several clusters


class Cluster:
    """Applies and undoes what it is told to; `fails` and `sticks` say where it does not."""

    def __init__(self, fails: Mapping[str, Any], sticks: frozenset[str] = frozenset()) -> None:
        self.did: list[str] = []
        self._fails, self._sticks = fails, sticks

    async def apply(self, cluster: str, plan: Plan) -> Outcome:
        self.did.append(f"apply {cluster}")
        fails = self._fails.get(cluster)
        if isinstance(fails, MeshtuiError):
            raise fails
        return Outcome(f"id-{cluster}", plan, applied=True, verified=fails is None)

    async def revert(self, cluster: str, change_id: str) -> Outcome:
        self.did.append(f"undo {change_id}")
        if cluster in self._sticks:
            raise Unreachable("no route to host")
        return Outcome(f"back-{cluster}", PLAN, applied=True, verified=True)


def planned(mesh: Mesh, request: Request) -> Plan:
    return Plan(build_change(mesh, request, Target(REVIEWS)))


PLAN = planned(mesh_of({"route": [route("v1", 90), route("v3", 10)]}), Shift({"v3": 20}))
NOTHING = planned(mesh_of({"route": [route("v1", 90), route("v3", 10)]}), Shift({"v3": 10}))


@pytest.mark.parametrize(
    ("fails", "sticks", "did", "stands"),
    [
        ({}, (), ["apply a", "apply b", "apply c"], {"a": "", "b": "", "c": ""}),
        (
            {"b": Conflict("somebody else wrote")},
            (),
            ["apply a", "apply b", "undo id-a"],
            {"a": "back-a", "b": "", "c": ""},
        ),
        (
            {"c": False},  # written, and not served in time
            (),
            ["apply a", "apply b", "apply c", "undo id-c", "undo id-b", "undo id-a"],
            {"a": "back-a", "b": "back-b", "c": "back-c"},
        ),
        (
            {"c": Unreachable("gone")},
            ("a",),
            ["apply a", "apply b", "apply c", "undo id-b", "undo id-a"],
            {"a": "STANDS", "b": "back-b", "c": ""},
        ),
        ({"a": NotAllowed("no")}, (), ["apply a"], {"a": "", "b": "", "c": ""}),
    ],
)
async def test_in_all_clusters_or_in_none(
    fails: Any, sticks: tuple[str, ...], did: list[str], stands: dict[str, str]
) -> None:
    cluster = Cluster(fails, frozenset(sticks))
    made = await apply_in_turn([(n, PLAN) for n in "abc"], cluster.apply, cluster.revert)
    assert cluster.did == did
    assert {one.cluster: one.undone or ("STANDS" if one.stands else "") for one in made} == stands
    assert any(one.failed for one in made) == bool(fails)
    for one in made:
        assert ("STANDS" in one.sentence) == (stands[one.cluster] == "STANDS")
        if f"apply {one.cluster}" not in did:
            assert one.sentence == "not begun, nothing was written"


async def test_a_cluster_where_it_is_so_already_is_left_alone() -> None:
    cluster = Cluster({"c": Conflict("somebody else wrote")})
    plans = [("a", NOTHING), ("b", PLAN), ("c", PLAN)]
    made = await apply_in_turn(plans, cluster.apply, cluster.revert)
    assert cluster.did == ["apply b", "apply c", "undo id-b"]
    assert made[0].sentence == "it is so already"


@pytest.mark.parametrize(
    ("words", "status", "told"),
    [
        (
            ["shift", "reviews", "v3=20", "--context", "shop"],
            2,
            "reviews stands in several clusters (east, west): name one, as in --context east,"
            " or change all with --all-clusters",
        ),
        (
            ["shift", "reviews", "v3=20", "--all-clusters"],
            2,
            "--all-clusters needs several contexts: as in --context east,west",
        ),
        (
            ["edit", "virtualservice/reviews", "--context", "shop", "--all-clusters"],
            2,
            "edit works in one cluster: name one, as in --context east",
        ),
        (
            ["promote", "nope", "v3", "--context", "shop", "--all-clusters"],
            1,
            "east: no service nope in namespace default: there are: productpage, reviews",
        ),
    ],
)
def test_a_verb_says_in_one_line_which_cluster_it_needs(
    clusters: Clusters, words: list[str], status: int, told: str, capsys: Capture
) -> None:
    assert main(words) == status
    assert capsys.readouterr() == ("", f"meshtui: {told}\n")


def test_a_verb_changes_nothing_while_a_cluster_may_have_the_service_too(
    clusters: dict[str, Any], capsys: Capture
) -> None:
    clusters["west"] = Unreachable("https://w cannot be reached")
    assert main(["shift", "reviews", "v3=20", "--context", "shop", "--all-clusters", "--yes"]) == 5
    err = capsys.readouterr().err
    assert err == "meshtui: west: https://w cannot be reached: nothing was written\n"


def test_a_placed_key_is_told_from_other_clusters_and_found_in_its_own() -> None:
    east, west = PlacedKey(REVIEWS, "east"), PlacedKey(REVIEWS, "west")
    assert east != west and east == PlacedKey(REVIEWS, "east")
    assert len({east, west, PlacedKey(REVIEWS, "west")}) == 2
    assert {REVIEWS: 1}[east] == {west: 1}[REVIEWS] == 1
    assert east == REVIEWS and east != ServiceKey("default", "ratings")
    assert (str(east), str(plain(east))) == ("reviews.default in east", "reviews.default")
    assert (cluster_of(west), cluster_of(REVIEWS)) == ("west", "")
    assert type(plain(east)) is ServiceKey and placed(REVIEWS, "") is REVIEWS
    assert pickle.loads(pickle.dumps(west)) == west

"""The exit status of every verb, whatever becomes of it: scripts depend on the numbers.

0 done · 1 failed or refused · 2 wrong usage · 3 somebody else changed it · 4 not allowed ·
5 cluster or telemetry out of reach · 130 interrupted
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest

from meshtui.changes.outcome import ProxyVerdict
from meshtui.cli.main import INTERRUPTED, main
from meshtui.config import Config
from meshtui.errors import Conflict, Exit, NotAllowed, Refused, Unreachable
from meshtui.mesh.model import Mesh, Pod
from meshtui.operations.change import apply
from meshtui.operations.options import Options
from meshtui.operations.session import Session
from meshtui.verbs import VERBS
from tests.unit.fake_cluster import FakeCluster, mesh_of, policy, routed, session
from tests.unit.objects import Obj, route

CHANGING = {
    "shift": "shift reviews v1=70",
    "promote": "promote reviews v2 --force",
    "rollback": "rollback reviews --to v1",
    "mirror": "mirror reviews --to v2",
    "fault": "fault reviews --abort 503",
    "timeout": "timeout reviews 2s",
    "breaker": "breaker reviews --max-pending 1",
    "adopt": "adopt reviews",
    "undo": "undo",
    "edit": "edit vs/reviews",
}
READING = {
    "services": "services reviews",
    "pods": "pods reviews",
    "trace": "trace reviews",
    "signals": "signals reviews",
    "exposure": "exposure reviews",
    "graph": "graph reviews",
    "analyze": "analyze",
    "logs": "logs reviews",
    "proxy": "proxy routes reviews-v1",
    "status": "status reviews",
    "request": "request reviews",
    "load": "load reviews --rps 1 --for 1s --yes",
    "keep": "keep",
    "doctor": "doctor",
}
WITHOUT_CLUSTER = {
    "journal": "journal",
    "completion": "completion bash",
    "config": "config path",
    "man": "man",
}
ELSEWHERE = ("canary", "lab", "demo")
"""Tested with what they run: tests/lab/test_canary.py, tests/lab/test_lab_process.py."""


def test_every_verb_stands_in_the_table() -> None:
    known = {v.name for v in VERBS if v.command and not v.name.startswith(ELSEWHERE)}
    assert known == {*CHANGING, *READING, *WITHOUT_CLUSTER}


class World:
    """What the commands find: a cluster, how its proxies answer, and what the person has set."""

    def __init__(self) -> None:
        rule = {"route": [route("v1", 90), route("v2", 10)]}
        self.routed = FakeCluster(routed(rule), policy("v1", "v2", "v3"))
        self.bare = FakeCluster()
        self.proxies = "in sync"
        self.config = Config()
        self.opened = [self.routed]

    def cluster_of(self, name: str) -> FakeCluster:
        """`adopt` is for a service that has nothing yet."""
        return self.bare if name == "adopt" else self.routed


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> World:
    found = World()
    editor = tmp_path / "editor"
    editor.write_text("#!/bin/sh\nsed -i 's/weight: 90/weight: 60/; s/weight: 10/weight: 40/' $1\n")
    editor.chmod(0o755)
    monkeypatch.setenv("EDITOR", str(editor))

    async def open_(options: Options) -> Session:
        cluster = found.opened[0]
        cluster.read_only = options.read_only
        return session(
            cluster, verify=options.verify, wait_s=0.05, read_only=options.read_only,
            prometheus="none", config=found.config,
        )  # fmt: skip

    async def read_mesh(self: Session) -> Mesh:
        return mesh_of(self.cluster)  # type: ignore[arg-type]

    async def nothing(*_: Any, **__: Any) -> None:
        return None

    def question(*_: Any) -> Any:
        async def ask(pod: Pod) -> ProxyVerdict:
            return ProxyVerdict(pod.namespace, pod.name, found.proxies, "")

        return ask

    monkeypatch.setattr(Session, "open", staticmethod(open_))
    monkeypatch.setattr(Session, "read_mesh", read_mesh)
    monkeypatch.setattr(Session, "read_part", nothing)
    monkeypatch.setattr(apply, "question_of", question)
    return found


def status_of(world: World, name: str, *more: str) -> int:
    """Of the command of a verb; `undo` has something to take back."""
    words = {**CHANGING, **READING, **WITHOUT_CLUSTER}[name].split()
    world.opened[0] = world.cluster_of(name)
    return int(main([*words, *more]))


def prepared(world: World, name: str) -> FakeCluster:
    cluster = world.cluster_of(name)
    if name == "undo":
        assert main(["shift", "reviews", "v1=80", "--yes", "--no-verify"]) == Exit.DONE
    return cluster


@pytest.mark.parametrize("name", CHANGING)
class TestChanges:
    def test_done(self, world: World, name: str) -> None:
        cluster = prepared(world, name)
        assert status_of(world, name, "--yes") == Exit.DONE
        assert cluster.writes

    def test_looked_at_only(self, world: World, name: str) -> None:
        cluster = prepared(world, name)
        before = len(cluster.writes)
        assert status_of(world, name, "--dry-run") == Exit.DONE
        assert len(cluster.writes) == before

    def test_read_only(self, world: World, name: str) -> None:
        cluster = prepared(world, name)
        before = len(cluster.writes)
        assert status_of(world, name, "--yes", "--read-only") == Exit.NOT_ALLOWED
        assert len(cluster.writes) == before

    def test_production_refuses_no_change(self, world: World, name: str) -> None:
        prepared(world, name)
        world.config = Config(production=True)
        assert status_of(world, name, "--yes") == Exit.DONE

    def test_a_name_that_is_not_there(self, world: World, name: str) -> None:
        world.opened[0] = world.routed
        words = CHANGING[name].replace("reviews", "nosuch")
        words = "undo nosuch" if name == "undo" else words
        assert main([*words.split(), "--yes"]) == Exit.FAILED
        assert not world.routed.writes

    def test_an_option_that_is_not_there(self, world: World, name: str) -> None:
        with pytest.raises(SystemExit) as ended:
            status_of(world, name, "--nonsense")
        assert ended.value.code == Exit.USAGE

    @pytest.mark.parametrize(
        ("error", "status"),
        [
            (NotAllowed("reviews is forbidden"), Exit.NOT_ALLOWED),
            (Refused("admission webhook denied the request"), Exit.FAILED),
            (Conflict("reviews was modified"), Exit.CONFLICT),
            (Unreachable("the API server does not answer"), Exit.UNREACHABLE),
            (KeyboardInterrupt(), INTERRUPTED),
        ],
        ids=lambda value: type(value).__name__,
    )
    def test_a_write_that_fails(
        self, world: World, name: str, error: BaseException, status: int
    ) -> None:
        def fail(method: str, path: str) -> None:
            raise error

        prepared(world, name).before_write = fail
        assert status_of(world, name, "--yes") == status

    def test_rejected_by_the_servers_own_dry_run(self, world: World, name: str) -> None:
        def deny(_: Obj) -> None:
            raise Refused("admission webhook denied the request")

        cluster = prepared(world, name)
        before = len(cluster.writes)
        cluster.admission = deny
        assert status_of(world, name, "--yes") == Exit.FAILED
        assert len(cluster.writes) == before

    @pytest.mark.parametrize("state", ["old", "rejected"])
    def test_written_but_not_served_in_time(self, world: World, name: str, state: str) -> None:
        cluster = prepared(world, name)
        world.proxies = state
        assert status_of(world, name, "--yes") == Exit.FAILED
        assert cluster.writes

    def test_nobody_says_yes(
        self, world: World, name: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        cluster = prepared(world, name)
        before = len(cluster.writes)
        monkeypatch.setattr("sys.stdin", io.StringIO(""))
        assert status_of(world, name) == Exit.FAILED
        assert len(cluster.writes) == before


AWAY = """
apiVersion: v1
kind: Config
current-context: away
contexts: [{name: away, context: {cluster: away, user: me}}]
clusters: [{name: away, cluster: {server: "http://127.0.0.1:1"}}]
users: [{name: me, user: {}}]
"""


def away(folder: Path) -> str:
    """A kubeconfig of a server that nobody is."""
    path = folder / "kubeconfig"
    path.write_text(AWAY)
    return str(path)


ASKING = {name: words for name, words in (CHANGING | READING).items() if name != "keep"}
"""`keep` waits for what ends, and for the cluster."""


@pytest.mark.parametrize("name", ASKING)
def test_nobody_answers(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDITOR", "true")
    status = main([*ASKING[name].split(), "--kubeconfig", away(tmp_path)])
    assert status == Exit.UNREACHABLE


@pytest.mark.parametrize("words", ["shift reviews v1=70", "services", "doctor", "journal"])
def test_a_context_or_a_kubeconfig_that_is_not_there(words: str, tmp_path: Path) -> None:
    assert main([*words.split(), "--kubeconfig", "/nosuch"]) == Exit.UNREACHABLE
    known = ["--kubeconfig", away(tmp_path)]
    assert main([*words.split(), *known, "--context", "nosuch"]) == Exit.USAGE


@pytest.mark.parametrize("name", WITHOUT_CLUSTER)
def test_what_asks_no_cluster(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", away(tmp_path))
    assert main(WITHOUT_CLUSTER[name].split()) == Exit.DONE


@pytest.mark.parametrize(
    "words",
    ["services", "pods", "trace", "signals", "exposure", "logs", "status", "request", "load"],
)
def test_reading_of_a_service_that_is_not_there(world: World, words: str) -> None:
    asked = READING[words].replace("reviews", "nosuch").split()
    assert main(asked) == Exit.FAILED


@pytest.mark.parametrize(("options", "status"), [(["--read-only"], 4), ([], 4)])
def test_a_load_is_refused(world: World, options: list[str], status: int) -> None:
    world.config = Config(production=not options)
    assert main([*READING["load"].split(), *options]) == status

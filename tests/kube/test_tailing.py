"""Several pods' logs as one, against the lab's API server: restarts, new pods, lost connections."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from hostile import write_kubeconfig
from lab_fixtures import Lab, pod, running_lab

from meshtui.errors import NotFound, Refused, Unreachable
from meshtui.kube.cluster import Cluster
from meshtui.lab.logs import LogBuffer
from meshtui.mesh.model import Pod, Service, ServiceKey
from meshtui.operations.logs import merging
from meshtui.operations.logs import pod_tail as podtail
from meshtui.operations.logs import tail as tailing
from meshtui.operations.logs.merging import TimeWindow
from meshtui.operations.logs.pod_tail import LogPosition, TailFrom
from meshtui.operations.logs.tail import in_order, tail
from meshtui.operations.types import LogEntry

NOW = 1_700_000_000.0


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110 - other tasks bring it about
            await asyncio.sleep(0.005)


class Logs:
    """A lab with two pods, what a tail of them gave, and the clock of their kubelet."""

    def __init__(self, lab: Lab, cluster: Cluster) -> None:
        self.lab = lab
        self.cluster = cluster
        self.now = NOW
        self.pods = [self.add("p1", "v1"), self.add("p2", "v3")]
        self.got: list[LogEntry] = []

    def add(self, name: str, version: str) -> Pod:
        self.lab.store.put("", "pods", pod(name, containers=("app", "istio-proxy")))
        self.start(name)
        names = ("app", "istio-proxy")
        return Pod(
            "default", name, version=version, containers=names,
            proxy_container="istio-proxy", ready=True,
        )  # fmt: skip

    def start(self, name: str) -> None:
        """A container starts; the one that was there before has ended."""
        key = (name, "istio-proxy")
        before = self.lab.runtime.logs.get(key)
        if before is not None:
            self.lab.runtime.previous[key] = before
        self.lab.runtime.logs[key] = LogBuffer(now=lambda: self.now)
        if before is not None:
            before.close()

    def write(
        self, name: str, *lines: str, after: float = 0.25, container: str = "istio-proxy"
    ) -> None:
        self.now += after
        data = "".join(f"{line}\n" for line in lines)
        log = self.lab.runtime.logs.setdefault((name, container), LogBuffer(now=lambda: self.now))
        log.append(data.encode())

    def restarted(self, name: str, times: int = 1) -> None:
        self.pods = [replace(p, proxy_restarts=times) if p.name == name else p for p in self.pods]

    @property
    def texts(self) -> list[str]:
        return [entry.text for entry in self.got if not entry.own]

    @property
    def notes(self) -> list[str]:
        return [entry.text for entry in self.got if entry.own]

    async def all(self, start: TailFrom | None = None) -> None:
        async with aclosing(self._tail(start, follow=False)) as entries:
            self.got = [entry async for entry in entries]

    def _tail(self, start: TailFrom | None, follow: bool):  # type: ignore[no-untyped-def]
        return tail(self.cluster, lambda: self.pods, start, follow=follow)

    @asynccontextmanager
    async def following(self, start: TailFrom | None = None) -> AsyncIterator[None]:
        async def collect() -> None:
            async with aclosing(self._tail(start, follow=True)) as entries:
                async for entry in entries:
                    self.got.append(entry)

        task = asyncio.create_task(collect())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def until(self, *texts: str) -> None:
        """These lines, in this order, and no other."""
        await until(lambda: len(self.texts) >= len(texts))
        assert self.texts == list(texts)

    async def told(self, words: str) -> None:
        await until(lambda: any(words in note for note in self.notes))


@pytest.fixture
async def logs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Logs]:
    monkeypatch.setattr(podtail, "RETRY_S", 0.02)
    monkeypatch.setattr(podtail, "LONGEST_RETRY_S", 0.02)
    monkeypatch.setattr(tailing, "LOOK_AGAIN_S", 0.01)
    monkeypatch.setattr(merging, "HELD_S", 0.01)
    async with running_lab() as lab:
        config = write_kubeconfig(tmp_path / "config", lab.client.url, {"token": "admin-token"})
        cluster = await Cluster.connect(kubeconfig=config, namespace="default")
        try:
            yield Logs(lab, cluster)
        finally:
            await cluster.close()


async def test_what_is_there_comes_in_the_order_of_time(logs: Logs) -> None:
    logs.write("p1", "1", "2")
    logs.write("p2", "3")
    logs.write("p1", "4")
    await logs.all()
    assert [(e.pod, e.version, e.text) for e in logs.got] == [
        ("p1", "v1", "1"), ("p1", "v1", "2"), ("p2", "v3", "3"), ("p1", "v1", "4"),
    ]  # fmt: skip
    assert logs.got[-1].stamp == int(NOW) * 10**9 + 750_000_000


async def test_lines_stand_at_the_time_that_they_show(logs: Logs) -> None:
    """A proxy writes them together, later, and each when its request is over."""
    first, second, third, fourth = (
        f'[2023-11-14T22:13:{at}Z] "GET / HTTP/1.1" 200' for at in ("18.9", "19.0", "19.5", "20.1")
    )
    logs.write("p1", second, fourth)
    logs.write("p2", third, first)
    await logs.all()
    assert logs.texts == [first, second, third, fourth]
    assert not any(one.late for one in logs.got)


async def test_followed_lines_find_their_place_as_long_as_it_is_not_past(
    logs: Logs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is held goes on when the test says so: no clock decides which line came in time."""
    windows: list[TimeWindow] = []

    def window(held_s: float) -> TimeWindow:
        windows.append(TimeWindow(held_s))
        return windows[-1]

    monkeypatch.setattr(merging, "HELD_S", 3600.0)
    monkeypatch.setattr(tailing, "TimeWindow", window)
    before, first, second, third, fourth = (
        f'[2023-11-14T22:13:{at}Z] "GET / HTTP/1.1" 200'
        for at in ("17.0", "18.9", "19.0", "19.5", "20.1")
    )
    async with logs.following():
        await until(lambda: bool(windows) and windows[0].held_s == 3600.0)
        (held,) = windows
        logs.write("p1", second, third)
        await until(lambda: len(held) == 2)
        logs.write("p2", first)
        await until(lambda: len(held) == 3)
        assert logs.texts == []
        held.held_s = 0.0
        logs.write("p1", fourth)
        await logs.until(first, second, third, fourth)
        assert not any(entry.late for entry in logs.got)
        logs.write("p2", before)
        await logs.until(first, second, third, fourth, before)
        assert [entry.pod for entry in logs.got if entry.late] == ["p2"]


async def test_the_last_lines_of_each_pod(logs: Logs) -> None:
    logs.write("p1", "1", "2", "3")
    logs.write("p2", "4")
    await logs.all(TailFrom(2))
    assert logs.texts == ["2", "3", "4"]
    logs.now = 0.0
    await logs.all(TailFrom(None, since_s=3600.0))
    assert logs.texts == []


@pytest.mark.parametrize("start", [TailFrom(programs=True), TailFrom(containers=("app",))])
async def test_programs_lines_stand_between_the_proxies_in_the_order_of_time(
    logs: Logs, start: TailFrom
) -> None:
    logs.write("p1", "1")
    logs.write("p1", "2", container="app")
    logs.write("p2", "3")
    logs.write("p2", "4", container="app")
    async with logs.following(start):
        await logs.until("1", "2", "3", "4")
        logs.write("p1", "5", container="app")
        await logs.until("1", "2", "3", "4", "5")
        assert [entry.container for entry in logs.got] == ["", "app", "", "app", "app"]
        logs.pods = [pod for pod in logs.pods if pod.name == "p2"]
        del logs.lab.runtime.logs["p1", "istio-proxy"], logs.lab.runtime.logs["p1", "app"]
        logs.pods.append(logs.add("p3", "v1"))
        logs.write("p3", "6", container="app")
        await logs.told("p3: has come")
        await until(lambda: "6" in logs.texts)
    assert sum("p3: has come" in note for note in logs.notes) == 1


async def test_without_being_asked_for_programs_are_not_read(logs: Logs) -> None:
    logs.write("p1", "1")
    logs.write("p1", "2", container="app")
    await logs.all()
    assert logs.texts == ["1"]


def test_which_logs_of_a_pod_are_read() -> None:
    pod = Pod("d", "p", containers=("app", "istio-proxy", "cron"), proxy_container="istio-proxy")
    assert TailFrom().logs_of(pod) == ("",)
    assert TailFrom(programs=True).logs_of(pod) == ("", "app", "cron")
    assert TailFrom(containers=("cron", "istio-proxy")).logs_of(pod) == ("", "cron")
    bare = replace(pod, containers=("app",), proxy_container="")
    assert TailFrom().logs_of(bare) == () and TailFrom(programs=True).logs_of(bare) == ("app",)


async def test_lines_that_come_follow_those_that_were_there(logs: Logs) -> None:
    logs.write("p1", "1")
    async with logs.following():
        await logs.until("1")
        logs.write("p2", "2", "3", after=0.0)
        await logs.until("1", "2", "3")
        assert logs.notes == []


async def test_a_restart_loses_no_line_and_gives_none_twice(logs: Logs) -> None:
    logs.write("p1", "1", "2")
    async with logs.following():
        await logs.until("1", "2")
        logs.write("p1", "3")
        await logs.until("1", "2", "3")  # so that the log that ends is the one that is followed
        logs.write("p1", "last words", "of it", after=0.0)
        logs.start("p1")
        logs.restarted("p1")
        logs.write("p1", "anew", after=0.0)
        await logs.until("1", "2", "3", "last words", "of it", "anew")
        await logs.told("p1: its proxy has restarted (once so far)")
        logs.write("p1", "on")
        await logs.until("1", "2", "3", "last words", "of it", "anew", "on")
    assert len(logs.notes) == 1


async def test_what_a_container_wrote_before_it_ended_unseen_is_fetched(logs: Logs) -> None:
    """The connection broke before the container did: the rest is in the previous log."""
    for text in ("1", "2", "3"):
        logs.write("p1", text)
    reader = podtail.PodTail(logs.cluster, logs.pods[0], TailFrom(2))
    assert [e.text async for e in reader.backlog()] == ["2", "3"]
    logs.write("p1", "4", after=0.0)
    logs.start("p1")
    logs.write("p1", "5", after=0.0)
    reader.pod = replace(logs.pods[0], proxy_restarts=1)

    async def put(entry: LogEntry) -> None:
        logs.got.append(entry)

    task = asyncio.create_task(reader.follow(put))
    await logs.until("4", "5")
    task.cancel()
    assert [e.text.split(": ")[-1] if e.own else e.text for e in logs.got] == [
        "4", "a new log begins", "5",
    ]  # fmt: skip


async def test_a_restart_that_lies_back_is_read_across(logs: Logs) -> None:
    logs.write("p1", "1", "2", "3")
    logs.start("p1")
    logs.write("p1", "4", "5")
    logs.restarted("p1", 3)
    await logs.all(TailFrom(4))
    assert logs.texts == ["2", "3", "4", "5"] and "3 times so far" in logs.notes[0]
    assert logs.got[2].own
    await logs.all(TailFrom(2))
    assert logs.texts == ["4", "5"] and logs.notes == []


async def test_only_the_containers_before(logs: Logs) -> None:
    logs.write("p1", "1")
    logs.start("p1")
    logs.write("p1", "2")
    await logs.all(TailFrom(None, previous=True))
    assert logs.texts == ["1"]
    (failed,) = [entry for entry in logs.got if entry.error]
    assert failed.pod == "p2" and isinstance(failed.error, Refused)
    assert "previous terminated container" in failed.text


async def test_a_pod_that_comes_and_one_that_goes_are_said(logs: Logs) -> None:
    logs.write("p1", "1")
    async with logs.following():
        await logs.until("1")
        logs.pods.append(logs.add("p3", "v2"))
        logs.write("p3", "hello")
        await logs.until("1", "hello")
        await logs.told("meshtui: p3: has come")
        logs.write("p3", "bye")
        logs.pods.pop()
        logs.lab.runtime.logs["p3", "istio-proxy"].close()
        await logs.told("meshtui: p3: is gone")
        assert logs.texts == ["1", "hello", "bye"]


async def test_a_pod_that_is_deleted_is_gone_and_comes_as_another(logs: Logs) -> None:
    logs.write("p2", "1")
    async with logs.following():
        await logs.until("1")
        logs.lab.store.remove("", "pods", "default", "p2")
        logs.pods.pop()
        logs.lab.runtime.logs["p2", "istio-proxy"].close()
        await logs.told("p2: is gone")


async def test_a_container_that_only_starts_is_waited_for_in_silence(logs: Logs) -> None:
    del logs.lab.runtime.logs["p2", "istio-proxy"]
    waiting = replace(logs.pods.pop(), ready=False)
    logs.write("p1", "1")
    async with logs.following():
        await logs.until("1")
        logs.pods.append(waiting)
        await logs.told("p2: has come")
        logs.start("p2")
        logs.write("p2", "up")
        await logs.until("1", "up")
    assert len(logs.notes) == 1


async def test_a_failure_is_said_once_and_that_it_is_over(
    logs: Logs, monkeypatch: pytest.MonkeyPatch
) -> None:
    logs.write("p1", "1")
    asked = 0
    real = podtail.pod_log

    def log(*words, **more):  # type: ignore[no-untyped-def]
        nonlocal asked
        asked += 1
        if 2 < asked < 9:
            raise Unreachable("the kubelet does not answer")
        return real(*words, **more)

    waits: list[float] = []
    sleep = asyncio.sleep

    async def wait(seconds: float) -> None:
        waits.append(seconds)
        await sleep(0)

    monkeypatch.setattr(podtail, "pod_log", log)
    monkeypatch.setattr(podtail, "LONGEST_RETRY_S", 0.1)
    monkeypatch.setattr(podtail, "asyncio", SimpleNamespace(
        sleep=wait, get_running_loop=asyncio.get_running_loop
    ))  # fmt: skip
    logs.pods = logs.pods[:1]
    async with logs.following():
        await logs.until("1")
        logs.lab.runtime.logs["p1", "istio-proxy"].close()
        await logs.told("the kubelet does not answer")
        logs.start("p1")
        logs.write("p1", "2")
        await logs.until("1", "2")
    assert len(logs.notes) == 2 and "can be read again" in logs.notes[1]
    assert waits[:8] == [0.0, 0.02, 0.02, 0.04, 0.08, 0.1, 0.1, 0.1]


async def test_a_quiet_connection_is_made_anew_without_a_word(
    logs: Logs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(podtail, "QUIET_S", 0.05)
    logs.write("p1", "1")
    real, asked = podtail.pod_log, []

    def log(*words, **more):  # type: ignore[no-untyped-def]
        asked.append(more)
        return real(*words, **more)

    monkeypatch.setattr(podtail, "pod_log", log)
    logs.pods = logs.pods[:1]
    async with logs.following():
        await until(lambda: len(asked) >= 5)
        logs.write("p1", "2", after=0.0)
        await logs.until("1", "2")
    assert logs.notes == []


async def test_a_node_that_does_not_answer_does_not_hold_the_others_up() -> None:
    async def silent():  # type: ignore[no-untyped-def]
        await asyncio.sleep(3600)
        yield LogEntry("n", "dead", "v1", "never")

    async def quick():  # type: ignore[no-untyped-def]
        yield LogEntry("n", "p", "v1", "1", 1)
        yield LogEntry("n", "p", "v1", "2", 2)

    found = [entry.text async for entry in in_order([silent(), quick()], 0.05)]
    assert found == ["1", "2"]


async def test_a_reader_that_is_slow_makes_the_proxy_wait_and_loses_nothing(
    logs: Logs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tailing, "QUEUED", 5)
    logs.pods = logs.pods[:1]
    entries = tail(logs.cluster, lambda: logs.pods, follow=True)
    logs.write("p1", "0")
    assert (await anext(entries)).text == "0"
    ask = asyncio.ensure_future(anext(entries))
    await asyncio.sleep(0)
    logs.write("p1", *(str(number) for number in range(1, 500)))
    got = [(await ask).text] + [(await anext(entries)).text for _ in range(498)]
    assert got == [str(number) for number in range(1, 500)]
    await entries.aclose()


def test_lines_of_one_moment_are_told_apart_by_their_number() -> None:
    place = LogPosition()
    for stamp in (1, 2, 2):
        place.passed(stamp)
    new = place.again()
    assert [new(stamp) for stamp in (1, 2, 2, 2, 3, 1)] == [False, False, False, True, True, True]


async def test_a_pod_that_is_not_there_is_said(logs: Logs) -> None:
    logs.pods = [replace(logs.pods[0], name="nobody")]
    await logs.all()
    assert [type(entry.error) for entry in logs.got] == [NotFound]


async def test_a_log_that_cannot_be_read_is_said_below_what_is_there(logs: Logs) -> None:
    """Above hundreds of lines of other pods nobody would see it."""
    logs.pods[0] = replace(logs.pods[0], name="nobody")
    logs.write("p2", "1", "2")
    await logs.all()
    assert logs.texts == ["1", "2"] and isinstance(logs.got[-1].error, NotFound)


class Looked(list[Pod]):
    """A list that counts how often it was looked at."""

    times = 0

    def __iter__(self) -> Iterator[Pod]:
        self.times += 1
        return super().__iter__()


async def test_a_pod_that_the_list_still_names_is_gone_once_and_its_successor_comes(
    logs: Logs,
) -> None:
    logs.write("p2", "1")
    async with logs.following():
        await logs.until("1")
        logs.lab.store.remove("", "pods", "default", "p2")
        logs.lab.runtime.logs["p2", "istio-proxy"].close()
        await logs.told("p2: is gone")
        logs.pods = stale = Looked(logs.pods)
        await until(lambda: stale.times > 5)
        assert len(logs.notes) == 1
        logs.pods = [stale[0], replace(logs.add("p2", "v3"), ip="10.0.0.9")]
        logs.write("p2", "anew")
        await logs.until("1", "anew")
    assert [note.split(": ")[-1] for note in logs.notes] == ["is gone", "has come"]


async def test_a_list_of_pods_is_kept_up_with_the_cluster(
    logs: Logs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tailing, "KEEP_UP_S", 0.01)
    service = Service(ServiceKey("default", "app"), "app", selector={"app": "x"})
    found: list[Pod] = []
    task = asyncio.create_task(tailing.keep_up(logs.cluster, [service], found))
    logs.lab.store.put("", "pods", pod("x1", containers=("istio-proxy",), app="x"))
    await until(lambda: [one.name for one in found] == ["x1"])
    logs.lab.store.remove("", "pods", "default", "x1")
    await until(lambda: not found)
    task.cancel()

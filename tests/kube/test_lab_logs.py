"""Containers' logs: the buffer, and the API server's answers from it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from lab_fixtures import PODS, Lab, eventually, pod, running_lab

from meshtui.lab.logs import LogBuffer

LOG = f"{PODS}/p1/log"


class Clock:
    """A clock that stands still until it is set."""

    def __init__(self, time: float) -> None:
        self.time = time

    def __call__(self) -> float:
        return self.time


@pytest.fixture
def clock() -> Clock:
    return Clock(1_700_000_000.25)


@pytest.fixture
async def lab(clock: Clock) -> AsyncIterator[Lab]:
    async with running_lab() as lab:
        lab.store.put("", "pods", pod("p1", containers=("app", "istio-proxy")))
        lab.runtime.logs["p1", "app"] = LogBuffer(now=clock)
        yield lab


def texts(buffer: LogBuffer) -> list[bytes]:
    return [line.text for line in buffer.lines()]


async def test_lines_are_split_whatever_pieces_they_come_in() -> None:
    buffer = LogBuffer()
    for piece in (b"on", b"e\ntwo\n", b"\nthr", b"ee"):
        buffer.append(piece)
    assert texts(buffer) == [b"one", b"two", b""]
    buffer.close()
    assert texts(buffer) == [b"one", b"two", b"", b"three"]


async def test_the_oldest_lines_go_first() -> None:
    by_lines, by_bytes = LogBuffer(max_lines=2), LogBuffer(max_bytes=5)
    for buffer in (by_lines, by_bytes):
        buffer.append(b"aa\nbb\ncc\n")
    assert texts(by_lines) == texts(by_bytes) == [b"bb", b"cc"]


async def test_a_line_without_end_is_bounded_too() -> None:
    buffer = LogBuffer(max_bytes=10)
    buffer.append(b"x" * 25)
    assert sum(map(len, texts(buffer))) <= 25
    buffer.append(b"y\n")
    assert texts(buffer) == [b"y"]


async def test_followers_see_every_line_written_after_they_came() -> None:
    buffer = LogBuffer()
    buffer.append(b"before\n")
    readers = [buffer.follow() for _ in range(3)]
    tasks = [asyncio.ensure_future(collect(reader)) for reader in readers]
    buffer.append(b"1\n2\n")
    await asyncio.sleep(0)
    buffer.append(b"3\n")
    buffer.close()
    assert await eventually(asyncio.gather(*tasks)) == [[b"1", b"2", b"3"]] * 3


async def collect(lines: AsyncIterator[object]) -> list[object]:
    return [line.text async for line in lines]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({}, "one\ntwo\nthree\n"),
        ({"tailLines": "2"}, "two\nthree\n"),
        ({"tailLines": "0"}, ""),
        ({"limitBytes": "6"}, "one\ntw"),
        ({"sinceTime": "2023-11-14T22:13:21Z"}, "three\n"),
        ({"sinceTime": "2023-11-14T22:13:21.9Z"}, "three\n"),
        ({"sinceTime": "2023-11-14T23:13:21+01:00", "tailLines": "5"}, "three\n"),
        ({"sinceSeconds": "5"}, ""),
        ({"tailLines": "1", "timestamps": "true"}, "2023-11-14T22:13:21.500000000Z three\n"),
    ],
)
async def test_a_part_of_a_log(
    lab: Lab, clock: Clock, params: dict[str, str], expected: str
) -> None:
    lab.runtime.logs["p1", "app"].append(b"one\ntwo\n")
    clock.time += 1.25
    lab.runtime.logs["p1", "app"].append(b"three\n")
    answer = await lab.client.get(LOG, container="app", **params)
    assert answer.headers["Content-Type"] == "text/plain"
    assert (answer.status, answer.text) == (200, expected)


async def test_a_followed_log_goes_on_until_the_container_ends(lab: Lab) -> None:
    buffer = lab.runtime.logs["p1", "app"]
    buffer.append(b"old\n")
    params = {"container": "app", "follow": "true"}
    async with lab.client.session.get(
        lab.client.url + LOG, params=params, headers=lab.client.headers()
    ) as response:
        assert await response.content.readline() == b"old\n"
        buffer.append(b"new\n")
        assert await response.content.readline() == b"new\n"
        buffer.close()
        assert await eventually(response.content.read()) == b""


@pytest.mark.parametrize(
    ("params", "said"),
    [
        (
            {},
            "a container name must be specified for pod p1, choose one of: [app istio-proxy]",
        ),
        ({"container": "nosuch"}, "container nosuch is not valid for pod p1"),
        (
            {"container": "istio-proxy"},
            'container "istio-proxy" in pod "p1" is waiting to start: ContainerCreating',
        ),
        (
            {"container": "app", "previous": "true"},
            'previous terminated container "app" in pod "p1" not found',
        ),
    ],
)
async def test_a_log_that_is_not_there(lab: Lab, params: dict[str, str], said: str) -> None:
    answer = await lab.client.get(LOG, **params)
    assert (answer.status, answer.message) == (400, said)


async def test_a_followed_log_begins_at_a_time(lab: Lab, clock: Clock) -> None:
    buffer = lab.runtime.logs["p1", "app"]
    buffer.append(b"old\n")
    clock.time += 60
    buffer.append(b"later\n")
    params = {"container": "app", "follow": "true", "sinceTime": "2023-11-14T22:14:00Z"}
    async with lab.client.session.get(
        lab.client.url + LOG, params=params | {"timestamps": "true"}, headers=lab.client.headers()
    ) as response:
        assert await response.content.readline() == b"2023-11-14T22:14:20.250000000Z later\n"
        buffer.append(b"new\n")
        assert await response.content.readline() == b"2023-11-14T22:14:20.250000000Z new\n"
        buffer.close()
        assert await eventually(response.content.read()) == b""


async def test_the_log_of_the_container_before(lab: Lab, clock: Clock) -> None:
    lab.runtime.previous["p1", "app"] = before = LogBuffer(now=clock)
    before.append(b"crashed\n")
    before.close()
    answer = await lab.client.get(LOG, container="app", previous="true", timestamps="true")
    assert answer.text == "2023-11-14T22:13:20.250000000Z crashed\n"


@pytest.mark.parametrize(
    ("params", "said"),
    [
        (
            {"sinceSeconds": "5", "sinceTime": "2023-11-14T22:13:21Z"},
            "at most one of `sinceTime` or `sinceSeconds` may be specified",
        ),
        ({"sinceSeconds": "0"}, "sinceSeconds: Invalid value: 0: must be greater than 0"),
    ],
)
async def test_times_that_are_refused(lab: Lab, params: dict[str, str], said: str) -> None:
    answer = await lab.client.get(LOG, container="app", **params)
    assert answer.status == 422 and said in answer.message
    assert answer.message.startswith('PodLogOptions "p1" is invalid: ')

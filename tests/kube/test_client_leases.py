"""One driver for a service: the Lease against the lab's API server, by clocks that are given."""

from __future__ import annotations

import asyncio
import json
import os
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hostile import write_kubeconfig
from lab_fixtures import Lab, running_lab

from meshtui.canary.events import Asked, Order
from meshtui.errors import Conflict, NotAllowed, Refused
from meshtui.kube.cluster import Cluster
from meshtui.kube.leases import Lease, read_lease, write_lease
from meshtui.mesh.model import ServiceKey
from meshtui.operations.canary.lease import DURATION_S, ORDER, ServiceLease, identity, lease_name

REVIEWS = ServiceKey("default", "reviews")
NAME = lease_name(REVIEWS)
LEASES = "/apis/coordination.k8s.io/v1/namespaces/default/leases"


class Clock:
    def __init__(self) -> None:
        self.now = 1_800_000_000.0
        self.paused: list[float] = []

    def __call__(self) -> float:
        return self.now

    async def pause(self, seconds: float) -> None:
        self.now += seconds
        self.paused.append(seconds)
        await asyncio.sleep(0)


@pytest.fixture
async def lab() -> AsyncIterator[Lab]:
    async with running_lab() as lab:
        yield lab


@pytest.fixture
async def cluster(lab: Lab, tmp_path: Path) -> AsyncIterator[Cluster]:
    kubeconfig = write_kubeconfig(tmp_path / "admin", lab.client.url, {"token": "admin-token"})
    cluster = await Cluster.connect(kubeconfig=kubeconfig)
    yield cluster
    await cluster.close()


@pytest.fixture
def clock() -> Clock:
    return Clock()


def lease(cluster: Cluster, clock: Clock, me: str) -> ServiceLease:
    return ServiceLease(cluster, REVIEWS, clock=clock, pause=clock.pause, me=me)


async def test_a_second_driver_is_told_who_the_first_is(cluster: Cluster, clock: Clock) -> None:
    await lease(cluster, clock, "ann@one/1").acquire()
    with pytest.raises(Refused) as refused:
        await lease(cluster, clock, "bob@two/2").acquire()
    assert "reviews.default is driven by ann@one/1 since" in str(refused.value)
    assert "\n" not in str(refused.value)


async def test_of_two_that_begin_at_once_one_has_it(cluster: Cluster, clock: Clock) -> None:
    both = [lease(cluster, clock, name) for name in ("ann@one/1", "bob@two/2")]
    found = await asyncio.gather(*(one.acquire() for one in both), return_exceptions=True)
    assert sorted(type(one) for one in found if one) == [Refused]


async def test_it_is_taken_over_when_its_holder_is_gone(cluster: Cluster, clock: Clock) -> None:
    ann, bob = lease(cluster, clock, "ann@one/1"), lease(cluster, clock, "bob@two/2")
    await ann.acquire()
    clock.now += DURATION_S + 1
    await bob.acquire()
    found = await read_lease(cluster, "default", NAME)
    assert found is not None
    assert (found.holder, found.transitions) == ("bob@two/2", 1)
    assert await ann.renew({}) == ()
    assert ann.lost == "bob@two/2"
    await ann.release({})
    assert (await bob.holder()).live  # type: ignore[union-attr]


async def test_an_expired_one_that_is_renewed_meanwhile_is_none(
    cluster: Cluster, clock: Clock
) -> None:
    """The holder's clock may be behind ours."""
    slow = Clock()
    slow.now = clock.now - 1000
    ann, bob = lease(cluster, slow, "ann@one/1"), lease(cluster, clock, "bob@two/2")
    await ann.acquire()

    async def pause(seconds: float) -> None:
        slow.now += seconds
        await ann.renew({"phase": "observing"})

    bob._pause = pause
    with pytest.raises(Refused):
        await bob.acquire()


async def test_a_holder_of_this_machine_that_is_no_more_is_not_waited_for(
    cluster: Cluster, clock: Clock
) -> None:
    process = await asyncio.create_subprocess_exec("true")
    await process.wait()
    dead = f"ann@{socket.gethostname()}/{process.pid}"
    await lease(cluster, clock, dead).acquire()
    await lease(cluster, clock, "bob@two/2").acquire()
    assert clock.paused == []
    assert identity().endswith(f"@{socket.gethostname()}/{os.getpid()}")


async def test_given_back_it_is_free_at_once(cluster: Cluster, clock: Clock) -> None:
    ann = lease(cluster, clock, "ann@one/1")
    await ann.acquire()
    await ann.release({"sentence": "on hold"})
    holder = await ann.holder()
    assert holder is not None
    assert (holder.live, holder.progress) == (False, {"sentence": "on hold"})
    await lease(cluster, clock, "bob@two/2").acquire()
    assert clock.paused == []


async def test_an_order_comes_once_and_its_giver_knows(cluster: Cluster, clock: Clock) -> None:
    ann, bob = lease(cluster, clock, "ann@one/1"), lease(cluster, clock, "bob@two/2")
    await ann.acquire()
    came: list[Asked] = []

    async def pause(seconds: float) -> None:
        clock.now += seconds
        came.extend(await ann.renew({"step": 1}))

    bob._pause = pause
    await bob.order(Asked(Order.ABORT, force=True))
    assert came == [Asked(Order.ABORT, force=True)]
    assert await ann.renew({}) == ()
    assert (await bob.holder()).progress == {"step": 1}  # type: ignore[union-attr]


async def test_an_order_that_nobody_takes_is_said_so(cluster: Cluster, clock: Clock) -> None:
    bob = lease(cluster, clock, "bob@two/2")
    with pytest.raises(Refused, match="nobody drives"):
        await bob.order(Asked(Order.HOLD))
    await lease(cluster, clock, "ann@one/1").acquire()
    with pytest.raises(Refused, match="does not answer"):
        await bob.order(Asked(Order.HOLD))


@pytest.mark.parametrize("text", ["", "{", "[]", "3", '{"id": 1}', '{"id": 1, "order": "jump"}'])
async def test_what_is_no_order_is_none(cluster: Cluster, clock: Clock, text: str) -> None:
    ann = lease(cluster, clock, "ann@one/1")
    await ann.acquire()
    found = await read_lease(cluster, "default", NAME)
    assert found is not None
    notes = {**found.notes, ORDER: text, "meshtui.dev/progress": text}
    await write_lease(
        cluster, Lease(**{f: getattr(found, f) for f in found.__slots__} | {"notes": notes})
    )
    assert await ann.renew({}) == ()
    assert (await ann.holder()).live  # type: ignore[union-attr]


async def test_it_is_written_only_now_and_then(cluster: Cluster, clock: Clock, lab: Lab) -> None:
    ann = lease(cluster, clock, "ann@one/1")
    await ann.acquire()
    versions = set()
    for _ in range(20):
        clock.now += 1
        await ann.renew({})
        found = await read_lease(cluster, "default", NAME)
        versions.add(found and found.version)
    assert len(versions) == 5


async def test_a_stale_write_is_a_conflict_and_a_missing_right_is_said(
    cluster: Cluster, clock: Clock, lab: Lab, tmp_path: Path
) -> None:
    await lease(cluster, clock, "ann@one/1").acquire()
    with pytest.raises(Conflict):
        await write_lease(cluster, Lease("default", NAME, "bob", DURATION_S, version="1"))
    user = {"token": "viewer-token"}
    kubeconfig = write_kubeconfig(tmp_path / "viewer", lab.client.url, user)
    viewer = await Cluster.connect(kubeconfig=kubeconfig)
    other = ServiceLease(viewer, ServiceKey("default", "ratings"), clock=clock)
    with pytest.raises(NotAllowed, match="patch on Leases"):
        await other.acquire()
    await viewer.close()


@pytest.mark.parametrize(
    ("spec", "status", "words"),
    [
        ({"leaseDurationSeconds": 0}, 422, "Seconds: Invalid value: 0: must be greater than 0"),
        ({"leaseTransitions": -1}, 422, "Invalid value: -1: must be greater than or equal to 0"),
        ({"renewTime": "2026-11-27T14:00:00Z"}, 400, 'cannot parse "Z" as ".000000"'),
        ({"leaseDurationSeconds": "x"}, 400, ""),
        ({"holderIdentity": "", "leaseDurationSeconds": 5}, 201, ""),
        ({}, 201, ""),
    ],
)  # fmt: skip
async def test_the_lab_takes_leases_as_a_real_server_does(
    lab: Lab, spec: dict[str, object], status: int, words: str
) -> None:
    """Seen on kube-apiserver 1.36."""
    body = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
            "metadata": {"name": "x"}, "spec": spec}  # fmt: skip
    answer = await lab.client.post(LEASES, body)
    assert (answer.status, words in json.dumps(answer.json).replace('\\"', '"')) == (status, True)

"""A frozen API server is noticed though every watch stays open."""

from __future__ import annotations

from pathlib import Path

from fake_mesh import until
from hostile import hostile_cluster, ok, silence, status
from running import running

from meshtui.kube.pulse import Pulse

VERSION = "/version"


async def test_silence_is_noticed_and_so_is_its_end(tmp_path: Path) -> None:
    turns: list[str] = []
    async with hostile_cluster(tmp_path) as (hostile, cluster):
        hostile.on(VERSION, ok({}), silence)
        pulse = Pulse(cluster, lambda: turns.append(pulse.silence), every_s=0.01, within_s=0.1)
        async with running(pulse.run()):
            await until(lambda: pulse.silence)
            assert pulse.age_s >= 0.1
            hostile.on(VERSION, ok({}))
            await until(lambda: not pulse.silence)
            await until(lambda: len(hostile.asked(VERSION)) > 4)
    assert [bool(turn) for turn in turns] == [True, False]


async def test_a_refusal_is_an_answer(tmp_path: Path) -> None:
    async with hostile_cluster(tmp_path) as (hostile, cluster):
        hostile.on(VERSION, status(403, "no"))
        pulse = Pulse(cluster, lambda: None, every_s=0.01, within_s=1.0)
        async with running(pulse.run()):
            await until(lambda: len(hostile.asked(VERSION)) > 2)
            assert not pulse.silence


async def test_a_person_does_not_wait_for_the_next_time(tmp_path: Path) -> None:
    async with hostile_cluster(tmp_path) as (hostile, cluster):
        hostile.on(VERSION, ok({}))
        pulse = Pulse(cluster, lambda: None, every_s=3600.0)
        async with running(pulse.run()):
            await until(lambda: len(hostile.asked(VERSION)) == 1)
            await until(lambda: pulse.ask() or len(hostile.asked(VERSION)) > 1)

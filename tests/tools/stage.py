"""The meshes that pictures are taken of, and the screen brought to where a picture wants it."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

from textual.keys import _character_to_key
from textual.pilot import Pilot

from meshtui.lab.process import RunningLab, spawn
from meshtui.operations.group.cockpit import GroupCockpit
from meshtui.operations.live import LiveCockpit
from meshtui.operations.options import Options
from meshtui.ui.app import MeshtuiApp
from tests.lab import ratelimits
from tests.lab.harness import Api
from tests.tools.picture import rows_of
from tests.tools.scenes import ELSEWHERE, ERRORS, LIMITS, REST, REVIEWS, Scene, missing

Posed = tuple[MeshtuiApp, Pilot[Any]]
"""The screen as a picture wants it, and what presses its keys."""


# In a lab


@contextmanager
def lab_of(scenario: str) -> Iterator[RunningLab]:
    """A lab with a journal of its own; where errors are the subject, with changes in it."""
    started = ERRORS if scenario == LIMITS else scenario
    with tempfile.TemporaryDirectory() as state, spawn(started) as lab:
        os.environ["XDG_STATE_HOME"] = state
        os.environ["KUBECONFIG"] = str(lab.kubeconfig)
        if scenario == LIMITS:
            limit_the_gateway(lab)
        if scenario == ERRORS:
            work()
            of_a_newer_version(Path(state))
        yield lab


@asynccontextmanager
async def posed(lab: RunningLab, scene: Scene) -> AsyncIterator[Posed]:
    """The screen where the scene's keys lead."""
    if scene.scenario in (ERRORS, LIMITS):
        lab.set("reviews-v3", errors=scene.v3)
    app = MeshtuiApp(LiveCockpit(Options(kubeconfig=str(lab.kubeconfig), context="admin")))
    with beside(scene.beside):
        async with app.run_test(size=scene.size) as pilot:
            await asyncio.sleep(scene.seconds / 2)
            if scene.change:
                await asyncio.to_thread(run, *scene.change)
            await asyncio.sleep(scene.seconds / 2)
            await press(pilot, scene.keys)
            await asyncio.sleep(scene.pause_s)
            yield app, pilot
    for words in scene.after:
        run(*words)


async def press(pilot: Pilot[Any], keys: tuple[str, ...]) -> None:
    for key in keys:
        if key == REST:
            await asyncio.sleep(3.0)
            continue
        await pilot.press(_character_to_key(key) if len(key) == 1 else key)
        await pilot.pause()


@contextmanager
def beside(words: tuple[str, ...]) -> Iterator[None]:
    """Runs in another terminal meanwhile."""
    if not words:
        yield
        return
    command = [sys.executable, "-m", "meshtui", *words, "--yes"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.terminate()
        process.wait()


def work() -> None:
    """Some changes, so that there is a journal to look at."""
    for words in (
        ["mirror", "reviews", "--to", "v2", "--percent", "25"],
        ["fault", "ratings", "--delay", "1s", "--delay-percent", "5", "--for", "30m"],
        ["shift", "reviews", "v3=30"],
        ["undo"],
    ):
        run(*words)


def of_a_newer_version(state: Path) -> None:
    """The last change once more, in a state that no version knows yet."""
    (path,) = (state / "meshtui" / "journal").glob("*.sqlite")
    with sqlite3.connect(path) as journal:
        journal.row_factory = sqlite3.Row
        last = journal.execute("SELECT * FROM changes ORDER BY created DESC LIMIT 1").fetchone()
        newer = {**dict(last), "id": f"{last['id'][:-4]}beef", "status": "paused", "undoes": ""}
        marks = ", ".join(f":{name}" for name in newer)
        journal.execute(f"INSERT INTO changes ({', '.join(newer)}) VALUES ({marks})", newer)
    journal.close()


def run(*words: str) -> None:
    """A change to the stage, whatever the few requests so far say of its versions."""
    sure = ("--yes", "--force")
    subprocess.run([sys.executable, "-m", "meshtui", *words, *sure], check=True)


def limit_the_gateway(lab: RunningLab) -> None:
    """As much as the demo sends, most of the time."""
    bucket = {"max_tokens": 45, "tokens_per_fill": 39, "fill_interval": "1s"}
    limit = ratelimits.insert(
        "GATEWAY", ratelimits.struct(ratelimits.ONE | {"token_bucket": bucket})
    )
    found = ratelimits.envoy_filter(limit, namespace="istio-system", istio="ingressgateway")
    path = "/apis/networking.istio.io/v1alpha3/namespaces/istio-system/envoyfilters"
    Api(lab).call("POST", path, found)


# In other meshes


@asynccontextmanager
async def two_clusters() -> AsyncIterator[Posed]:
    """Two clusters on one screen, and one of them out of reach since a moment ago."""
    with tempfile.TemporaryDirectory() as state, spawn() as east, spawn() as west:
        os.environ["XDG_STATE_HOME"] = state
        west.set("reviews-v3", errors="2%")
        east.set("reviews-v3", errors="20%")
        cockpits = {
            name: LiveCockpit(Options(kubeconfig=str(lab.kubeconfig), context="admin"))
            for name, lab in (("east", east), ("west", west))
        }
        app = MeshtuiApp(GroupCockpit(cockpits))
        async with app.run_test(size=(160, 32)) as pilot:
            await asyncio.sleep(30.0)
            await asyncio.to_thread(west.stop)
            await asyncio.sleep(15.0)
            await pilot.pause()
            yield app, pilot


@asynccontextmanager
async def http_route() -> AsyncIterator[Posed]:
    """What an HTTPRoute does instead of the VirtualService, and its rules."""
    with lab_of("healthy") as lab:
        lab.set("reviews-v3", errors="20%")
        by_route(lab)
        async with posed(lab, Scene("", (), (*REVIEWS, "v"), seconds=25.0, scenario="")) as found:
            yield found


def by_route(lab: RunningLab) -> None:
    """Each version of reviews is a Service, and an HTTPRoute of the mesh has their weights."""
    api = Api(lab)
    istio = "/apis/networking.istio.io/v1/namespaces/default"
    api.call("DELETE", f"{istio}/virtualservices/reviews")
    for version in ("v1", "v2", "v3"):
        selector = {"app": "reviews", "version": version}
        spec = {"selector": selector, "ports": [{"name": "http", "port": 9080}]}
        service = {"apiVersion": "v1", "kind": "Service", "spec": spec}
        named = {"metadata": {"name": f"reviews-{version}"}}
        api.call("POST", "/api/v1/namespaces/default/services", service | named)
    parts = (("reviews-v1", 60), ("reviews-v2", 30), ("reviews-v3", 10))
    backends = [{"name": name, "port": 9080, "weight": weight} for name, weight in parts]
    testers = [{"headers": [{"name": "end-user", "value": "jason"}]}]
    rules = [
        {"matches": testers, "backendRefs": [{"name": "reviews-v2", "port": 9080}]},
        {"backendRefs": backends, "timeouts": {"request": "10s"}},
    ]
    parents = [{"group": "", "kind": "Service", "name": "reviews"}]
    route = {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": "reviews"},
        "spec": {"parentRefs": parents, "rules": rules},
    }
    path = "/apis/gateway.networking.k8s.io/v1/namespaces/default/httproutes"
    api.call("POST", path, route)


@asynccontextmanager
async def waypoint() -> AsyncIterator[Posed]:
    """What a waypoint serves, held against the objects; nothing is written there."""
    namespace, service = os.environ["MESHTUI_WAYPOINT"].split("/")
    options = Options(
        kubeconfig=os.environ["MESHTUI_WAYPOINT_KUBECONFIG"], namespace=namespace, read_only=True
    )
    app = MeshtuiApp(LiveCockpit(options))
    async with app.run_test(size=(160, 48)) as pilot:
        await asyncio.sleep(12.0)
        await press(pilot, ("/", *f"^{service}[.]", "enter", "p", "/", *"waypoint", "enter"))
        for _ in range(TRIES):
            await asyncio.sleep(8.0)
            if not missing(rows_of(app.export_screenshot()), ELSEWHERE["waypoint"]):
                break
            await press(pilot, ("r",))
        yield app, pilot


TRIES = 10
"""Of reading a waypoint's proxy, where the machine that it runs on is busy."""

"""Takes the pictures in `screenshots/` from the running program: a lab, the screen on it, keys.

Run as `python -m tests.tools.take_screenshots [FOLDER]`; needs `rsvg-convert` (Debian:
librsvg2-bin) and a monospaced font with box drawing (fonts-dejavu).

A lab has no waypoint. That picture is of the cluster in KUBECONFIG, of the first service in the
namespace that MESHTUI_WAYPOINT names, which has a Gateway of class istio-waypoint and an HTTPRoute;
without it the picture is left as it is. Nothing is written there.
"""

from __future__ import annotations

import asyncio
import os
import re
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from textual.keys import _character_to_key

from meshtui.lab.process import RunningLab, spawn
from meshtui.operations.group.cockpit import GroupCockpit
from meshtui.operations.live import LiveCockpit
from meshtui.operations.options import Options
from meshtui.ui.app import MeshtuiApp
from tests.lab import ratelimits
from tests.lab.harness import Api

WIDE = (160, 48)
SMALL = (80, 24)
CLUSTERS = (160, 32)
ERRORS = "errors"
"""The scenario of most pictures: its lab has a journal to look at."""

FONT = "DejaVu Sans Mono"
PATIENCE_S = 30.0


@dataclass(frozen=True, slots=True)
class Picture:
    """A name, a size, and the keys that lead there; `seconds` lets numbers gather.

    `change` is made half way through them, from another terminal; `beside` runs all the time.
    `v3` is the part of its requests that reviews-v3 fails.
    """

    name: str
    keys: tuple[str, ...] = ()
    size: tuple[int, int] = WIDE
    seconds: float = 12.0
    pause_s: float = 1.5
    change: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()
    scenario: str = ERRORS
    v3: str = "20%"


REST = "rest"
"""In the place of a key: a dialog needs a while to come."""

V3 = ("j", "j", "j")
REVIEWS = ("/", *"reviews", "enter")
CANARY = (
    "canary", "run", "reviews", "--to", "v3", "--interval", "2s", "--force", "--min-requests", "50",
    "--max-p99", "5s",
)  # fmt: skip
TO_V3 = (*REVIEWS, ":", *"rollback v3", "enter")
BREAKER = (
    "breaker", "reviews", "--max-connections", "1", "--max-pending", "1",
    "--consecutive-5xx", "3", "--max-ejection-percent", "100", "--base-ejection", "10s",
)  # fmt: skip
LOAD = (
    *REVIEWS, ":", *"load 150 30s /reviews/0 from productpage-v1 concurrency 32", "enter", REST,
    "enter",
)  # fmt: skip
PICTURES = (
    Picture("mesh", V3, seconds=25.0),
    Picture("change", (*V3, *["-"] * 3, "enter"), pause_s=2.5),
    Picture("danger", ("j", ":", *"fault abort 503 100%", "enter"), pause_s=2.5),
    Picture("rollback-failing", TO_V3, pause_s=2.5),
    Picture("rollback-failing-small", TO_V3, size=SMALL, pause_s=2.5),
    Picture("rollback-guess", (*REVIEWS, "R"), seconds=40.0, pause_s=2.5, v3="0"),
    Picture("rollback-guess-small", (*REVIEWS, "R"), size=SMALL, seconds=40.0, pause_s=2.5, v3="0"),
    Picture("logs", ("j", "l"), pause_s=4.0),
    Picture("logs-opened", ("j", "l", "N", "enter"), pause_s=3.0),
    Picture("logs-wrapped", ("j", "l", "v", "w"), size=SMALL, pause_s=3.0),
    Picture("proxies", ("j", "p"), pause_s=3.0),
    Picture("routes", ("j", "p", "2"), pause_s=3.0),
    Picture("endpoints", ("j", "p", "4"), pause_s=3.0),
    Picture("clusters", ("j", "p", "3"), size=SMALL, pause_s=3.0),
    Picture("rules", ("j", "y")),
    Picture("journal", ("j", "J"), pause_s=2.0),
    Picture("journal-small", ("j", "J"), size=SMALL, pause_s=2.0),
    Picture("analysis", ("j", "a"), pause_s=2.0),
    Picture("trace", ("j", "t"), pause_s=3.0),
    Picture("request", (*REVIEWS, "t", "T"), pause_s=9.0),
    Picture("graph", (*V3, "g"), pause_s=5.0),
    Picture("graph-small", (*V3, "g"), size=SMALL, pause_s=5.0),
    Picture("describe", (*V3, "d"), pause_s=3.0),
    Picture("signals", ("s",), pause_s=2.0),
    Picture("signals-small", (*V3, "s"), size=SMALL, pause_s=2.0),
    Picture("servers-view", ("V",), pause_s=2.0),
    Picture("exposure", ("/", *"productpage", "enter", "x"), pause_s=14.0),
    Picture("canary", (*REVIEWS, "C"), seconds=50.0, pause_s=4.0, v3="0",
            beside=(*CANARY, "--every", "30s")),
    Picture("canary-small", (*REVIEWS, "C"), size=SMALL, seconds=30.0, pause_s=4.0, v3="0",
            beside=(*CANARY, "--every", "60s")),
    Picture("canary-rolled-back", (*REVIEWS, "C"), seconds=40.0, pause_s=4.0,
            beside=(*CANARY, "--every", "60s")),
    Picture("help", ("?",), seconds=3.0),
    Picture("small", V3, size=SMALL),
    Picture(
        "charts", ("/", *"reviews", "enter", "h"), seconds=200.0, pause_s=2.0,
        change=("shift", "reviews", "v3=0"),
    ),
    Picture("load", LOAD, v3="60%", pause_s=9.0, change=BREAKER),
    Picture("load-small", LOAD, size=SMALL, v3="60%", pause_s=9.0, change=BREAKER),
    Picture("latency", V3, seconds=30.0, scenario="latency"),
    Picture("latency-small", V3, size=SMALL, scenario="latency"),
    Picture("latency-signals", (*V3, "s"), scenario="latency", pause_s=2.0),
    Picture("crash", V3, seconds=45.0, scenario="crash"),
    Picture("crash-small", V3, size=SMALL, scenario="crash"),
    Picture("pods", ("i",), scenario="crash", pause_s=4.0),
    Picture("pods-small", ("i",), size=SMALL, scenario="crash", pause_s=4.0),
)  # fmt: skip


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


async def take(lab: RunningLab, picture: Picture, folder: Path) -> None:
    cockpit = LiveCockpit(Options(kubeconfig=str(lab.kubeconfig), context="admin"))
    app = MeshtuiApp(cockpit)
    async with app.run_test(size=picture.size) as pilot:
        await asyncio.sleep(picture.seconds / 2)
        if picture.change:
            await asyncio.to_thread(run, *picture.change)
        await asyncio.sleep(picture.seconds / 2)
        for key in picture.keys:
            if key == REST:
                await asyncio.sleep(3.0)
                continue
            await pilot.press(_character_to_key(key) if len(key) == 1 else key)
            await pilot.pause()
        await asyncio.sleep(picture.pause_s)
        svg = app.export_screenshot(title="meshtui")
    save(svg, folder / f"{picture.name}.png")


async def take_clusters(east: RunningLab, west: RunningLab, folder: Path) -> None:
    """Two clusters on one screen, and one of them out of reach since a moment ago."""
    labs = {"east": east, "west": west}
    options = {
        n: Options(kubeconfig=str(lab.kubeconfig), context="admin") for n, lab in labs.items()
    }
    app = MeshtuiApp(GroupCockpit({name: LiveCockpit(one) for name, one in options.items()}))
    async with app.run_test(size=CLUSTERS) as pilot:
        await asyncio.sleep(30.0)
        await asyncio.to_thread(west.stop)
        await asyncio.sleep(15.0)
        await pilot.pause()
        save(app.export_screenshot(title="meshtui"), folder / "two-clusters.png")


async def take_route(lab: RunningLab, folder: Path) -> None:
    """What an HTTPRoute does instead of the VirtualService, and its rules."""
    by_route(lab)
    await take(lab, Picture("httproute", (*REVIEWS, "y"), seconds=25.0), folder)


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


async def take_waypoint(namespace: str, folder: Path) -> None:
    """What a waypoint serves, held against the objects."""
    options = Options(kubeconfig=os.environ["KUBECONFIG"], namespace=namespace, read_only=True)
    app = MeshtuiApp(LiveCockpit(options))
    async with app.run_test(size=WIDE) as pilot:
        await asyncio.sleep(12.0)
        await pilot.press("t")
        await asyncio.sleep(8.0)
        save(app.export_screenshot(title="meshtui"), folder / "waypoint.png")


def save(svg: str, path: Path) -> None:
    """As PNG, without the fonts that the SVG would load from elsewhere."""
    svg = re.sub(r"@font-face\s*{[^}]*}", "", svg).replace("Fira Code", FONT)
    with tempfile.NamedTemporaryFile("w", suffix=".svg", encoding="utf-8") as file:
        file.write(svg)
        file.flush()
        subprocess.run(["rsvg-convert", "-w", "1600", "-o", str(path), file.name], check=True)


def work(lab: RunningLab) -> None:
    """Some changes, so that there is a journal to look at."""
    os.environ["KUBECONFIG"] = str(lab.kubeconfig)
    limit_the_gateway(lab)
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
    subprocess.run([sys.executable, "-m", "meshtui", *words, "--yes"], check=True)


def limit_the_gateway(lab: RunningLab) -> None:
    """As much as the demo sends, most of the time."""
    bucket = {"max_tokens": 45, "tokens_per_fill": 39, "fill_interval": "1s"}
    limit = ratelimits.insert(
        "GATEWAY", ratelimits.struct(ratelimits.ONE | {"token_bucket": bucket})
    )
    found = ratelimits.envoy_filter(limit, namespace="istio-system", istio="ingressgateway")
    path = "/apis/networking.istio.io/v1alpha3/namespaces/istio-system/envoyfilters"
    Api(lab).call("POST", path, found)


def main(folder: Path, wanted: Callable[[str], bool]) -> None:
    folder.mkdir(exist_ok=True)
    chosen = [picture for picture in PICTURES if wanted(picture.name)]
    if wanted("two-clusters"):
        with tempfile.TemporaryDirectory() as state, spawn() as east, spawn() as west:
            os.environ["XDG_STATE_HOME"] = state
            west.set("reviews-v3", errors="2%")
            asyncio.run(take_clusters(east, west, folder))
    live = os.environ.get("MESHTUI_WAYPOINT", "")
    if wanted("waypoint") and live:
        asyncio.run(take_waypoint(live, folder))
    if wanted("httproute"):
        with tempfile.TemporaryDirectory() as state, spawn() as lab:
            os.environ["XDG_STATE_HOME"] = state
            asyncio.run(take_route(lab, folder))
    for scenario in dict.fromkeys(picture.scenario for picture in chosen):
        take_all([picture for picture in chosen if picture.scenario == scenario], folder)


def take_all(pictures: list[Picture], folder: Path) -> None:
    """Those of one scenario, in one lab."""
    scenario = pictures[0].scenario
    with tempfile.TemporaryDirectory() as state, spawn(scenario) as lab:
        os.environ["XDG_STATE_HOME"] = state
        if scenario == ERRORS:
            work(lab)
            of_a_newer_version(Path(state))
        for picture in pictures:
            if scenario == ERRORS:
                lab.set("reviews-v3", errors=picture.v3)
            with beside(picture.beside):
                asyncio.run(take(lab, picture, folder))
            sys.stdout.write(f"{folder / picture.name}.png\n")


if __name__ == "__main__":
    names = sys.argv[2:]
    place = Path(sys.argv[1]) if len(sys.argv) > 1 else Path("screenshots")
    main(place, lambda name: not names or name in names)

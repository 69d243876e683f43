"""Takes the pictures in `screenshots/` from the running program: labs, the screen on them, keys.

`python -m tests.tools.take_screenshots [NAME …]` needs `rsvg-convert` (Debian: librsvg2-bin) and a
monospaced font with box drawing (fonts-dejavu). A picture is kept once it shows what `scenes.py`
claims of it.

`--sizes 80x24,160x48 --themes all --out FOLDER` makes sheets instead, on which each scene stands in
these sizes and themes, to look at before a release.

A lab has no waypoint. That picture is of the cluster in MESHTUI_WAYPOINT_KUBECONFIG, of the service
that MESHTUI_WAYPOINT names as NAMESPACE/SERVICE. It has an HTTPRoute to rev-v1 and rev-v2, and its
namespace a Gateway of class istio-waypoint; without the variables the picture is left as it is.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path

from meshtui.ui import paths
from meshtui.ui.themes import load_themes
from tests.tools import stage
from tests.tools.picture import Shot, packed, render, rows_of, save, sheet
from tests.tools.scenes import ELSEWHERE, SCENES, THEME, Shows, missing

PATIENCE_S = 60.0
FOLDER = Path("screenshots")
PIXELS = 1600
SHEET = (200, 76)
"""Columns and lines of the terminals on a sheet: more could not be read."""

Camera = Callable[[str, Sequence[Shows], stage.Posed], Awaitable[bool]]
"""Takes a scene; false where it does not show what is claimed of it."""


async def keep(name: str, shows: Sequence[Shows], posed: stage.Posed) -> bool:
    """Into the folder, once it shows what is claimed; one that never does replaces no other."""
    app, pilot = posed
    end = time.monotonic() + PATIENCE_S
    while True:
        await pilot.pause()
        svg = app.export_screenshot(title="meshtui")
        lacks = missing(rows_of(svg), shows)
        if not lacks or time.monotonic() > end:
            break
        await asyncio.sleep(1.0)
    if not lacks:
        save(svg, FOLDER / f"{name}.png", PIXELS)
    say(f"{name}: {f'NOT taken, it does not show {lacks}' if lacks else 'done'}")
    return not lacks


def sheets_in(folder: Path, sizes: Sequence[tuple[int, int]], themes: Sequence[str]) -> Camera:
    """In all sizes and themes, on as many sheets as it takes to read them."""

    async def look(name: str, shows: Sequence[Shows], posed: stage.Posed) -> bool:
        app, pilot = posed
        lacks = missing(rows_of(app.export_screenshot(title="")), shows)
        taken = []
        for width, height in sizes:
            await pilot.resize_terminal(width, height)
            await asyncio.sleep(3.0)
            for theme in themes:
                app.theme = theme
                await pilot.pause()
                words = f"{name} {width}x{height} {theme}"
                taken.append(Shot(app.export_screenshot(title=""), words, width, height))
        for number, shots in enumerate(packed(taken, *SHEET), 1):
            drawn, wide = sheet(shots)
            render(drawn, folder / f"{name}-{number}.png", int(wide * 0.72))
        say(f"{name}: {f'does not show {lacks}' if lacks else 'done'}")
        return not lacks

    return look


def say(words: str) -> None:
    sys.stdout.write(f"{words}\n")
    sys.stdout.flush()


OTHERS: dict[str, Callable[[], AbstractAsyncContextManager[stage.Posed]]] = {
    "two-clusters": stage.two_clusters,
    "httproute": stage.http_route,
    "waypoint": stage.waypoint,
}


async def take(camera: Camera, wanted: Callable[[str], bool]) -> list[str]:
    """The names of those that could not be taken as they are wanted."""
    failed = []
    for scenario in dict.fromkeys(scene.scenario for scene in SCENES):
        scenes = [one for one in SCENES if one.scenario == scenario and wanted(one.name)]
        if not scenes:
            continue
        with stage.lab_of(scenario) as lab:
            for scene in scenes:
                try:
                    async with stage.posed(lab, scene) as posed:
                        if not await camera(scene.name, scene.shows, posed):
                            failed.append(scene.name)
                except subprocess.CalledProcessError as error:
                    say(f"{scene.name}: NOT taken, {error}")
                    failed.append(scene.name)
    for name, shows in ELSEWHERE.items():
        there = name != "waypoint" or "MESHTUI_WAYPOINT" in os.environ
        if wanted(name) and there:
            async with OTHERS[name]() as posed:
                if not await camera(name, shows, posed):
                    failed.append(name)
    return failed


def main(words: Sequence[str]) -> int:
    """1 where a picture could not be taken as it is wanted; 2 where none has the name."""
    parser = argparse.ArgumentParser(description="Takes the pictures, or sheets of them.")
    parser.add_argument("names", nargs="*", help="only these")
    parser.add_argument("--sizes", default="80x24,120x36,160x48,220x60")
    parser.add_argument("--themes", default=THEME, help="names with commas, or all")
    parser.add_argument("--out", type=Path, help="sheets into this folder")
    given = parser.parse_args(words)
    known_names = {*(scene.name for scene in SCENES), *ELSEWHERE}
    if unknown := sorted(set(given.names) - known_names):
        parser.error(f"no picture has the name {', '.join(unknown)}")
    camera: Camera = keep
    if given.out:
        given.out.mkdir(parents=True, exist_ok=True)
        sizes = [tuple(map(int, size.split("x"))) for size in given.sizes.split(",")]
        known = [theme.name for theme in load_themes((paths.shipped_themes(),)).found]
        themes = known if given.themes == "all" else given.themes.split(",")
        camera = sheets_in(given.out, [(w, h) for w, h in sizes], themes)
    failed = asyncio.run(take(camera, lambda name: not given.names or name in given.names))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

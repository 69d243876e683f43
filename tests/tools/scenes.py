"""The pictures of `screenshots/`: how each is come by, and what it must show.

One place for both: the script takes a picture once it shows what is claimed of it, and a test reads
the same claims in the files.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from meshtui.ui import paths
from meshtui.ui.themes import load_themes
from meshtui.ui.widgets.roles import default_variables
from tests.tools.picture import Row

WIDE = (160, 48)
SMALL = (80, 24)
ERRORS = "errors"
"""The scenario of most pictures: its lab has a journal to look at."""

REST = "rest"
"""In the place of a key: a dialog needs a while to come."""


@dataclass(frozen=True, slots=True)
class Shows:
    """A line that matches; what its first group is stands in bold, or on a failing row's ground."""

    pattern: str
    bold: bool = False
    tinted: bool = False

    def within(self, rows: Sequence[Row]) -> bool:
        return any(self._in(row) for row in rows)

    def _in(self, row: Row) -> bool:
        found = re.search(self.pattern, row.text)
        if found is None:
            return False
        at = found.start(1) if found.re.groups else found.start()
        piece = row.piece_at(at)
        well = not self.bold or (piece is not None and piece.bold)
        return well and (not self.tinted or row.grounds[at] in TINTS)


def _tints() -> frozenset[str]:
    (theme,) = (t for t in load_themes((paths.shipped_themes(),)).found if t.name == THEME)
    found = default_variables(theme)
    return frozenset(found[name].lower() for name in found if name.startswith("mesh-sick"))


THEME = "meshtui-dark"
TINTS = _tints()
"""The grounds of a row that fails, the cursor on it or not."""


def missing(rows: Sequence[Row], shows: Sequence[Shows]) -> list[str]:
    """The claims that do not hold."""
    return [one.pattern for one in shows if not one.within(rows)]


@dataclass(frozen=True, slots=True)
class Scene:
    """A name, a size, and the keys that lead there; `seconds` lets numbers gather before.

    `change` is made half way through them, from another terminal; `beside` runs all the time.
    `v3` is the part of its requests that reviews-v3 fails.
    """

    name: str
    shows: tuple[Shows, ...]
    keys: tuple[str, ...] = ()
    size: tuple[int, int] = WIDE
    seconds: float = 12.0
    pause_s: float = 1.5
    change: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()
    scenario: str = ERRORS
    v3: str = "20%"
    after: tuple[tuple[str, ...], ...] = ()
    """What puts the lab back for the next picture."""


def line(pattern: str) -> Shows:
    return Shows(pattern)


PERCENT = r"\d+(?:\.\d)?%"
FAILING = Shows(rf"✖ v3 .* 20% .* ({PERCENT}) +\S+ .*503", bold=True, tinted=True)
"""The row that everything is about."""

V3 = ("j", "j", "j")
REVIEWS = ("/", *"reviews", "enter")
CANARY = (
    "canary", "run", "reviews", "--to", "v3", "--interval", "2s", "--force", "--min-requests", "50",
    "--max-p99", "5s",
)  # fmt: skip
BREAKER = (
    "breaker", "reviews", "--max-connections", "1", "--max-pending", "1",
    "--consecutive-5xx", "3", "--max-ejection-percent", "100", "--base-ejection", "10s",
)  # fmt: skip
LOAD = (
    *REVIEWS, ":", *"load 150 30s /reviews/0 from productpage-v1 concurrency 32", "enter", REST,
    "enter",
)  # fmt: skip
BACK = (("shift", "reviews", "v1=50", "v2=30", "v3=20"),)
SCENES = (
    # find
    Scene("mesh", (FAILING, line("1 version failing: reviews v3")), V3, seconds=70.0),
    Scene("small", (FAILING, line(r"● v1 .* 50% +\d+% ")), ("G",), SMALL, seconds=25.0),
    Scene("signals", (line("failing: .* v3 fail"), line("503 +unavailable"), FAILING), ("s",)),
    Scene("charts", (line(r"^.*failing"), line(r"shift .*v3 20 → 0 %")), (*REVIEWS, "h"),
          seconds=200.0, change=("shift", "reviews", "v3=0"), after=(("undo",),)),
    Scene("graph", (line(r"productpage-v1 .*v1"), line(rf"✖ .*{PERCENT} .*v3"),
                    line("any request → v1 50%")), (*V3, "g"), pause_s=5.0),
    Scene("logs", (line(" 503 "), line("5xx")), ("j", "l"), pause_s=4.0),
    Scene("pods", (line("CrashLoopBackOff|crash|Error"),), ("i",), scenario="crash", pause_s=4.0),
    Scene("latency", (line("slow: reviews v3"),), V3, seconds=70.0, scenario="latency"),
    Scene("crash", (line("reviews v3"),), V3, seconds=45.0, scenario="crash"),
    Scene("describe", (line("VirtualService"),), (*V3, "d"), pause_s=3.0),
    Scene("exposure", (line("429"),), ("/", *"productpage", "enter", "x"), pause_s=14.0),
    Scene("analysis", (line("reviews"),), ("j", "a"), pause_s=2.0),
    Scene("status", (line("reviews-v3"),), ("H",), pause_s=4.0),
    # change
    Scene("change", (line("v3"),), (*V3, *["-"] * 3, "enter"), pause_s=2.5),
    Scene("measured", (line(r"v3 5 % asked, \d+\.\d % ± \d+\.\d of \d+"),),
          (*V3, "5", "enter", REST, "enter"), pause_s=30.0, after=(("undo",),)),
    Scene("danger", (line("reviews"),), ("j", ":", *"fault abort 503 100%", "enter"), pause_s=2.5),
    Scene("rollback-guess", (line("reviews"),), (*REVIEWS, "R"), seconds=40.0, pause_s=2.5, v3="0"),
    Scene("rollback-failing", (line("reviews"),), (*REVIEWS, ":", *"rollback v3", "enter"),
          pause_s=2.5),
    Scene("rules", (line("v1"),), ("j", "y")),
    Scene("proxies", (line("in sync|as the rules"),), ("j", "p"), pause_s=3.0),
    Scene("trace", (line("v1"),), ("j", "t"), pause_s=3.0),
    Scene("request", (line("200"),), (*REVIEWS, "t", "T"), pause_s=9.0),
    Scene("load", (line("UO"),), LOAD, v3="60%", pause_s=9.0, change=BREAKER,
          after=(("breaker", "reviews", "--off"),)),
    Scene("journal", (line("undo"),), ("j", "J"), pause_s=2.0),
    Scene("canary", (line("reviews"),), (*REVIEWS, "C"), seconds=50.0, pause_s=4.0, v3="0",
          beside=(*CANARY, "--every", "30s"), after=BACK),
    Scene("canary-rolled-back", (line("rolled back"),), (*REVIEWS, "C"), seconds=40.0,
          pause_s=4.0, beside=(*CANARY, "--every", "60s")),
    Scene("help", (line("roll back"),), ("?",), seconds=3.0),
)  # fmt: skip

ELSEWHERE: dict[str, tuple[Shows, ...]] = {
    "two-clusters": (line("OUT OF REACH"),),
    "httproute": (line("HTTPRoute"),),
    "waypoint": (line("waypoint"),),
}
"""Pictures of other meshes than a lab as it starts: `stage.py` has them."""

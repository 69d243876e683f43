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
ERRORS, LIMITS = "errors", "limits"
"""The scenario of most pictures, whose lab has a journal to look at; the same with a rate limit."""

REST = "rest"
"""In the place of a key: a dialog needs a while to come."""


@dataclass(frozen=True, slots=True)
class Shows:
    """A line matches; what its first group is stands in bold, or on a failing row's ground.

    `never`: no line may match.
    """

    pattern: str
    bold: bool = False
    tinted: bool = False
    never: bool = False

    def within(self, rows: Sequence[Row]) -> bool:
        return any(self._in(row) for row in rows) is not self.never

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
    found = {**default_variables(theme), **theme.variables}
    return frozenset(found[name].lower() for name in ("mesh-sick", "mesh-cursor-sick"))


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


FAILING = Shows(r"✖ v3 .*20% .* (\d+\.\d%) .*503", bold=True, tinted=True)
"""The row that everything is about."""

V3 = ("home", "j", "j", "j")
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
UNDONE = (("undo",),)
FIND = (
    Scene("mesh", (FAILING, line("1 version failing: reviews v3"), line("what fails")), V3,
          seconds=110.0),
    Scene("small", (FAILING, line(r"● v1 .*50% +\d+% ")), ("G",), SMALL, seconds=30.0),
    Scene("signals", (FAILING, line("✖ failing: .* to v3 fail"), line("503 +unavailable"),
                      line("→ R: roll back")), ("s",), seconds=30.0),
    Scene("graph", (line("productpage-v1 .*┬.*v1"), line("any request → v1 50%"),
                    Shows(r"✖ +\S+/s +(\d+\.\d%).* v3", bold=True)), (*V3, "g"), seconds=40.0,
          pause_s=5.0),
    Scene("logs", (Shows(" (503) ", bold=True), line("503 ×"), Shows(" 200 -", never=True)),
          (*V3, ":", *"logs code:5xx", "enter"), pause_s=6.0),
    Scene("describe", (line("version v3"), line("subset +v3: version=v3")), (*V3, "d")),
    Scene("analysis", (line("endless-mirror"),), (*REVIEWS, "a"), pause_s=2.0),
    Scene("status", (line(r"reviews-v3\S* .*● in sync"), line("7 in sync")), ("H",),
          pause_s=4.0),
    Scene("charts", (line("─ failing|╌ failing"), line("c v3"), line("shift v3 20 → 0 %")),
          (*REVIEWS, "h"), seconds=200.0, change=("shift", "reviews", "v3=0"), after=UNDONE),
    Scene("latency", (line("1 version slow: reviews v3"), line(r"◆ v3 .* 0% .*over \d+ ms")), V3,
          seconds=110.0, scenario="latency"),
    Scene("crash", (Shows(r"(✖) v3 .*0/1 +CrashLoopBackOff", tinted=True), line("restart")), V3,
          seconds=100.0, scenario="crash"),
    Scene("pods", (line(r"└ CrashLoopBackOff: reviews \(Error, exit 1\)"), line("2/3 ready")),
          ("home", "i"), scenario="crash", pause_s=4.0),
    Scene("exposure", (line("39 per 1s"), line(r"refused now: [\d.]+/s"),
                       line(r"counted +[1-9]\d* refused")),
          ("/", *"productpage", "enter", "x"), scenario=LIMITS, pause_s=14.0),
)  # fmt: skip
CHANGE = (
    Scene("change", (line("v3 20 → 5 %"), line(r"moves 15 % ≈ [\d.]+ requests/s"),
                     line(r"\+ +weight: 5")), (*V3, "-", "-", "-", "enter"), pause_s=2.5),
    Scene("measured", (line(r"v3 5 % asked, \d+\.\d % ± \d+\.\d of \d+ measured; v2"),),
          (*V3, "5", "enter", REST, "enter"), pause_s=30.0, after=UNDONE),
    Scene("danger", (line("danger: every request .* answered (with )?an error"),
                     line("type reviews to go on")),
          (*REVIEWS, ":", *"fault abort 503 100%", "enter"), pause_s=2.5),
    Scene("rollback-guess", (line("danger: v1 is chosen only because"), line("v1 50 → 100 %")),
          (*REVIEWS, "R"), seconds=40.0, pause_s=2.5, v3="0"),
    Scene("rollback-failing", (line("danger: v3 is failing now"), line("v3 20 → 100 %")),
          (*REVIEWS, ":", *"rollback v3", "enter"), pause_s=2.5),
    Scene("rules", (line(r"http\[0\] +ordinary"), line("→ v3 +20%")), (*REVIEWS, "v")),
    Scene("proxies", (line("✓ in sync"), line("asked v1 50%"), line("does +v1 50%")),
          (*REVIEWS, "p"), pause_s=3.0),
    Scene("trace", (line("by the objects"), line("agrees"),
                    line("to +v1 50%, v2 30%, v3 20% +v1 50%")), (*REVIEWS, "t"), pause_s=3.0),
    Scene("request", (line(r"answer +\d+"), line("foretold .*it did so")), (*REVIEWS, "t", "T"),
          pause_s=9.0),
    Scene("load", (line(r"overflow \d+ connections"), line("ejected [1-9]"), line("UO: "),
                   line(r"503 .*\d%")), LOAD, v3="60%", pause_s=9.0, change=BREAKER,
          after=(("breaker", "reviews", "--off"),)),
    Scene("journal", (line("undone by"), line("ends in"), line("verified")), (*REVIEWS, "J"),
          pause_s=2.0),
    Scene("canary", (line(r"● observing at \d+ %"), line(r"✔ \d+ % → \[\d+ %\]"),
                     line("evidence against it"), line(r"measured \d+")), (*REVIEWS, "C"),
          seconds=50.0, pause_s=4.0, v3="0", beside=(*CANARY, "--every", "30s"), after=BACK),
    Scene("canary-rolled-back", (line("✖ rolled back from"), line("more errors than ")),
          (*REVIEWS, "C"), seconds=40.0, pause_s=4.0, beside=(*CANARY, "--every", "60s"),
          after=BACK),
    Scene("help", (line("Keys of the table"), line("R +All traffic to stable")), ("?",),
          seconds=3.0),
)  # fmt: skip
SCENES = (*FIND, *CHANGE)

ELSEWHERE: dict[str, tuple[Shows, ...]] = {
    "two-clusters": (
        line("west +STALE|west  OUT OF REACH"),
        line("◌ .*@west reviews"),
        Shows(r"✖ v3 .* (\d+\.\d%) .*503", bold=True, tinted=True),
        line("Σ unknown"),
    ),
    "httproute": (
        line("HTTPRoute default/reviews"),
        line("→ reviews-v3 +10%"),
        Shows(r"✖ reviews-v3 .* (\d+\.\d%) .*503", bold=True, tinted=True),
    ),
    "waypoint": (
        line("HTTPRoute "),
        line(r"✓ gateway waypoint-\S+ +✓ in sync"),
        line(r"asked rev-v1 \d+% · rev-v2 \d+%"),
        line(r"does +rev-v1 \d+% · rev-v2 \d+%"),
    ),
}
"""Pictures of other meshes than a lab as it starts: `stage.py` has them."""

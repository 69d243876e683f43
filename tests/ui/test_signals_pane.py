"""The signals pane: whose errors they are, what they mean here, what to do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import pytest

from meshtui.diagnosis.explain.evidence import Evidence, LoggedAnswer
from meshtui.diagnosis.explain.scope import VersionScope, scope_of
from meshtui.errors import Unreachable
from meshtui.mesh.model import ServiceKey
from meshtui.mesh.signals import UNKNOWN, Sample, Signals, VersionKey
from meshtui.mesh.view import service_views
from meshtui.operations.types import FeedHealth, Pending
from meshtui.ui.actions.steps import by_key
from meshtui.ui.panes.signals import SignalsPane
from meshtui.ui.panes.signalstable import _with_units
from meshtui.ui.panes.signalstext import by_how, signals_lines
from meshtui.ui.widgets.paint import width_of
from tests.ui import bookinfo
from tests.ui.driving import LARGE, SMALL, Drive, driving
from tests.ui.fake import FakeCockpit

REVIEWS = ServiceKey("bookinfo", "reviews")
PAGE = frozenset({("bookinfo", "productpage-v1")})
FINE = bookinfo.measured(32.0, 0.0, 6.0, 10.0)


def itself(rps: float, ratio: float, code: str = "503") -> Signals:
    """Errors that carry no flag."""
    requests = rps * 10
    codes = {"200": requests * (1 - ratio), code: requests * ratio}
    return Signals(requests, rps, ratio, 10.0, 40.0, 90.0, codes)


def cockpit_with(
    caller: dict[str, Signals | None], server: dict[str, Signals | None] | None = None
) -> FakeCockpit:
    """reviews as its callers saw each version, and as the versions counted themselves."""
    cockpit = FakeCockpit()
    cockpit.measure()
    assert cockpit.sample is not None
    cockpit.sample = replace(
        cockpit.sample,
        caller=_with(cockpit.sample.caller, caller),
        server=_with(cockpit.sample.server, server if server is not None else caller),
        clients={REVIEWS: PAGE},
    )
    return cockpit


def _with(known: object, changed: dict[str, Signals | None]) -> dict[VersionKey, Signals]:
    found = dict(known)  # type: ignore[call-overload]
    found |= {VersionKey(REVIEWS, version): s or Signals() for version, s in changed.items()}
    return found


def pane(drive: Drive) -> SignalsPane:
    found = drive.app.main.dock.pane("signals")
    assert isinstance(found, SignalsPane)
    return found


def shown(drive: Drive) -> str:
    """All of the pane's body in one line, what is below the edge too."""
    body = pane(drive).listing
    lines = [body.line_at(at) for at in range(body.line_count())]
    return " ".join(" ".join(piece.text for piece in line) for line in lines)


def plain(drive: Drive) -> str:
    return " ".join(shown(drive).split())


async def test_the_story_of_a_failing_version_takes_one_key() -> None:
    """From the first screen: which version fails, and that it answers the errors itself."""
    failing = {"v3": itself(8.0, 0.3)}
    async with driving(cockpit_with(failing)) as drive:
        keys = ["s"]
        await drive.press(*keys)
        await drive.until(lambda: "v3 answers the errors itself" in plain(drive))
        assert "✖ failing: 30 % of the 8.0/s to v3 fail" in drive.text
        assert "(503 2.4/s)" in drive.text
        assert "R: roll back, or -: take weight off v3" in plain(drive)
        assert len(keys) < 10


async def test_the_story_on_a_small_terminal() -> None:
    async with driving(cockpit_with({"v3": itself(8.0, 0.3)}), size=SMALL) as drive:
        await drive.press("s")
        await drive.until(lambda: "v3 answers the errors itself" in drive.text)
        await drive.press("s")
        await drive.until(lambda: "weight" in drive.text)


async def test_the_pane_follows_the_cursor_to_a_version() -> None:
    async with driving(cockpit_with({"v3": itself(8.0, 0.3)})) as drive:
        await drive.go_to("reviews", "v3")
        await drive.press("s")
        await drive.until(lambda: "signals reviews  v3" in drive.text)
        assert "to reviews fail" not in plain(drive)
        await drive.press("shift+tab", "k")
        await drive.until(lambda: "signals reviews  v2" in drive.text)
        assert "no traffic: no request for v2 in the last 10s; its weight is 0" in plain(drive)


@pytest.mark.parametrize(
    ("signals", "words"),
    [
        (Signals(), "no traffic: no request for v3"),
        (itself(8.0, 1.0), "only errors: every one of the 8.0/s to v3 fails"),
        (itself(8.0, 0.0), "ok: none of the 8.0/s to v3 fails"),
        (itself(8.0, 0.02), "degraded: 2 % of the 8.0/s to v3 fail"),
    ],
)
async def test_states_are_told_in_words_of_their_own(signals: Signals, words: str) -> None:
    async with driving(cockpit_with({"v3": signals})) as drive:
        await drive.go_to("reviews", "v3")
        await drive.press("s")
        await drive.until(lambda: words in plain(drive))


async def test_nothing_known_is_no_number_and_says_why() -> None:
    cockpit = FakeCockpit()
    cockpit.telemetry = FeedHealth("telemetry", "failed", None, "no Prometheus, no proxy answers")
    cockpit.sample = Sample(1.0, "sidecars", 0.0)
    async with driving(cockpit) as drive:
        await drive.press("s")
        await drive.until(lambda: "unknown: nothing is known of" in plain(drive))
        assert "telemetry: no Prometheus, no proxy answers" in plain(drive)
        assert "req/s" not in plain(drive) and "0%" not in plain(drive)


async def test_a_server_that_nobody_counts_for_is_unknown_in_its_column() -> None:
    async with driving(cockpit_with({"v3": itself(8.0, 0.3)}, {"v3": None})) as drive:
        await drive.go_to("reviews", "v3")
        await drive.press("s")
        await drive.until(lambda: "What v3 itself answered is unknown" in plain(drive))
        beside = [line.partition("┃")[2] for line in drive.text.splitlines()]
        numbers = next(line for line in beside if "30.0%" in line)
        assert numbers.rstrip().endswith("unknown")
        code = next(line for line in drive.text.splitlines() if "503  unavailable" in line)
        assert code.rstrip().endswith("?")


async def test_errors_made_on_the_way_are_told_with_both_numbers() -> None:
    lost = Signals(80, 8.0, 0.12, 9.0, 20.0, 30.0, {"200": 70.4, "503": 9.6}, {}, {"UF": 9.6})
    async with driving(cockpit_with({"v3": lost}, {"v3": itself(7.0, 0.001)})) as drive:
        await drive.press("s")
        await drive.until(
            lambda: (
                "Callers see 12 % errors, v3 itself answers 0.1 %: the errors are made on the "
                "way (UF 1.0/s)." in plain(drive)
            )
        )
        assert "→ :logs callers flag:UF: the log of productpage says" in plain(drive)


async def test_a_fault_says_when_it_ends() -> None:
    cockpit = cockpit_with({UNKNOWN: Signals(40, 4.0, 1.0, codes={"503": 40}, flags={"FI": 40})})
    rule = cockpit.raw["virtualservices"][0]["spec"]["http"][1]
    rule["fault"] = {"abort": {"httpStatus": 503, "percentage": {"value": 10}}}
    cockpit.pendings = (Pending("c1", REVIEWS, "fault none → abort 503 10%", 125.0),)
    async with driving(cockpit) as drive:
        await drive.press("s")
        await drive.until(lambda: "answers 10 % of its requests with 503 itself" in plain(drive))
        assert "It ends by itself in 2m05s." in plain(drive)
        assert "c: take the fault off" in plain(drive)


async def test_the_title_tells_source_and_age_and_stale() -> None:
    cockpit = cockpit_with({})
    async with driving(cockpit) as drive:
        await drive.press("s")
        await drive.until(lambda: "sidecars 7/7 2s" in drive.text)
        cockpit.clock.now += 60
        pane(drive).tick(cockpit.clock.now)
        await drive.until(lambda: "STALE" in drive.text.splitlines()[2])


async def test_numbers_that_are_old_do_not_look_fresh_in_the_body() -> None:
    cockpit = cockpit_with({"v3": itself(8.0, 0.3)})
    async with driving(cockpit) as drive:
        await drive.press("s")
        await drive.until(lambda: "✖ failing: 30 %" in plain(drive))
        cockpit.clock.now += 60
        pane(drive).tick(cockpit.clock.now)
        await drive.until(lambda: "STALE: what follows is old" in plain(drive))
        body = pane(drive).listing
        old = [body.line_at(at) for at in range(2, body.line_count())]
        assert {piece.role for line in old for piece in line if piece.text.strip()} == {"old"}
        assert "failing: 30 %" in plain(drive) and "✖" not in plain(drive)
        await drive.tick()
        await drive.until(lambda: "STALE" not in plain(drive))


async def test_a_pane_that_is_open_keeps_up_with_the_numbers() -> None:
    cockpit = cockpit_with({"v3": itself(8.0, 0.3)})
    async with driving(cockpit) as drive:
        await drive.press("s")
        await drive.until(lambda: "30 % of the 8.0/s to v3" in plain(drive))
        await drive.tick()
        await drive.until(lambda: "12 % of the 8.0/s to v3" in plain(drive))


def lines(
    width: int, change: Callable[[VersionScope], VersionScope] = lambda scope: scope
) -> list[str]:
    cockpit = cockpit_with({"v3": itself(8.0, 0.3)})
    views = service_views(cockpit.mesh, cockpit.sample)
    view = next(view for view in views if view.key == REVIEWS)
    found = signals_lines(
        change(scope_of(cockpit.mesh, view, None, cockpit.sample)), "", width, told=by_how(by_key)
    )
    assert max(width_of(line) for line in found) <= width
    return ["".join(piece.text for piece in line) for line in found]


@pytest.mark.parametrize("width", [45, 50, 60, 68, 69, 70, 77, 120])
def test_nothing_is_wider_than_the_pane(width: int) -> None:
    text = "\n".join(lines(width))
    assert "caller" in text and "server" in text and "p50/p95/p99" in text
    assert "10/40/90ms" in text


def test_versions_whose_numbers_have_no_room_are_counted() -> None:
    def change(scope: VersionScope) -> VersionScope:
        rows = [replace(scope.view.versions[0], version=f"v{n}") for n in range(30)]
        return replace(scope, view=replace(scope.view, versions=tuple(rows)))

    assert any(line.startswith("11 more versions") for line in lines(60, change))


def test_thousands_of_hostile_codes_are_bounded_and_harmless() -> None:
    wild = Signals(
        10_000, 1_000.0, 1.0, 1.0, 2.0, 3.0,
        codes={f"5\x1b[{n}m": 1.0 for n in range(10_000)},
        flags={f"\x1b]0;{n}\x07": 1.0 for n in range(10_000)},
    )  # fmt: skip

    def change(scope: VersionScope) -> VersionScope:
        return replace(scope, view=replace(scope.view, caller=wild, server=wild))

    found = lines(60, change)
    assert len(found) < 300
    assert "\x1b" not in "".join(found)
    assert any(line.startswith("9,988 more") for line in found)


@pytest.mark.parametrize("size", [SMALL, LARGE])
async def test_the_key_needs_a_service(size: tuple[int, int]) -> None:
    cockpit = FakeCockpit()
    cockpit.views_override = ()
    async with driving(cockpit, size=size) as drive:
        await drive.press("s")
        await drive.until(lambda: "no service is selected" in drive.text)


async def test_logs_are_read_of_what_fails_and_add_what_they_say() -> None:
    """Only of a service with something to explain, and only while the pane is shown."""
    cockpit = cockpit_with({"v3": itself(8.0, 0.3)})
    answer = LoggedAnswer("server", 503, (), "via_upstream")
    cockpit.known_evidence = Evidence(Counter({answer: 7}), ("the proxy of web-1 has refused …",))
    async with driving(cockpit) as drive:
        await drive.until(lambda: "v3" in drive.text)
        assert not cockpit.evidence_asked
        await drive.press("s")
        await drive.until(lambda: "v3 answers the errors itself" in plain(drive))
        assert not cockpit.evidence_asked
        cockpit.clock.now += SignalsPane.SETTLE_S
        cockpit.push()
        await drive.until(lambda: "Its own proxy's log: 7× via_upstream." in plain(drive))
        assert "The proxy of web-1 has refused" in plain(drive)
        assert set(cockpit.evidence_asked) == {REVIEWS}


async def test_logs_that_fail_leave_the_numbers_as_they_are() -> None:
    cockpit = cockpit_with({"v3": itself(8.0, 0.3)})

    async def fail(service: ServiceKey) -> Evidence:
        cockpit.evidence_asked.append(service)
        raise Unreachable("no answer")

    cockpit.evidence = fail  # type: ignore[method-assign]
    async with driving(cockpit) as drive:
        await drive.press("s")
        await drive.until(lambda: "v3 answers the errors itself" in plain(drive))
        cockpit.clock.now += SignalsPane.SETTLE_S
        cockpit.push()
        await drive.until(lambda: bool(cockpit.evidence_asked))
        await drive.until(lambda: "v3 answers the errors itself" in plain(drive))


async def test_that_numbers_sum_over_clusters_is_said_though_telemetry_does_well() -> None:
    cockpit = cockpit_with({"v3": itself(8.0, 0.3)})
    words = "numbers sum over 2 clusters (east, west): choose one with --prometheus-match"
    cockpit.telemetry = replace(cockpit.telemetry, state="ok", message=words)
    async with driving(cockpit) as drive:
        await drive.until(lambda: "numbers sum over 2 clusters (east, west)" in drive.text)
        await drive.press("s")
        await drive.until(lambda: f"telemetry: {words}" in plain(drive))


@pytest.mark.parametrize(
    ("times", "words"),
    [
        ((40.0, 347.0, 798.0), "40/347/798ms"),
        ((67.0, 312.0, 1800.0), "67/312ms/1.8s"),
        ((0.4, 1200.0, 12_000.0), "<1ms/1.2/12s"),
        ((999.6, 9_960.0, 120_000.0), "1.0/10/120s"),
    ],
)
def test_each_quantile_has_its_own_unit(times: tuple[float, ...], words: str) -> None:
    assert _with_units(times) == words

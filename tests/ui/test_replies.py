"""What a key was answered goes with the next key; the keys of the moment name the ways on."""

from __future__ import annotations

from dataclasses import replace

import pytest

from meshtui.mesh.judging import DEGRADED, FAILING, OK, ONLY_ERRORS
from meshtui.mesh.signals import UNKNOWN, Signals
from meshtui.mesh.versions import VersionView
from meshtui.mesh.view import ServiceView
from meshtui.ui.actions.registry import footer
from meshtui.ui.actions.situation import LOGS, TABLE, Situation
from meshtui.ui.panes.dock import PANES
from meshtui.ui.table.outline import NOWHERE
from meshtui.ui.widgets.headline import counts_line
from meshtui.ui.widgets.keys import ALWAYS, keys_line
from tests.ui.driving import driving
from tests.ui.test_table_layout import views


async def test_a_refusal_is_gone_after_the_next_key_and_an_outcome_is_not() -> None:
    async with driving() as drive:
        await drive.go_to("reviews")
        await drive.press("plus")
        await drive.until(lambda: "choose a version first" in drive.status)
        await drive.press("j")
        await drive.until(lambda: not drive.status.strip())
        drive.app.main.announce("reviews: 3 of 3 proxies in sync", "done")
        await drive.press("j", "k")
        assert "3 of 3 proxies in sync" in drive.status


async def test_a_key_that_means_nothing_says_so_until_another_is_pressed() -> None:
    async with driving() as drive:
        await drive.press("f9")
        await drive.until(lambda: drive.status.strip())
        await drive.press("k")
        await drive.until(lambda: not drive.status.strip())


@pytest.mark.parametrize("width", [80, 120, 160])
def test_the_footer_names_filter_command_quit_and_digits(width: int) -> None:
    now = Situation(TABLE, connected=True, service="reviews", version="v3")
    text = "".join(piece.text for piece in keys_line(footer(now), now, width))
    for words in ("? help", "q quit", "/ filter", ": command", "0-9 percent", "R roll back"):
        assert words in text, (words, text)


@pytest.mark.parametrize("width", [80, 120, 160])
@pytest.mark.parametrize("focus", sorted(PANES))
def test_the_footer_of_every_pane_has_the_way_back_and_the_one_out_of_an_outage(
    focus: str, width: int
) -> None:
    for version in ("", "v3"):
        now = Situation(
            focus, connected=True, service="reviews", version=version, open_panes=frozenset({focus})
        )
        offered = footer(now)
        text = "".join(piece.text for piece in keys_line(offered, now, width))
        wanted = [f"{a.shown} {a.label}" for a in offered if a.id in ALWAYS]
        assert len(wanted) == len(ALWAYS) and all(words in text for words in wanted), text
        own = [f"{a.shown} {a.label}" for a in offered if a.where == {focus}]
        assert all(words in text for words in own[:2]), (own, text)
        assert focus == LOGS or "l logs" in text, text


@pytest.mark.parametrize(("version", "step"), [("", "s signals"), ("v3", "Enter why")])
def test_the_table_names_the_next_step_to_the_cause_however_narrow(version: str, step: str) -> None:
    now = Situation(TABLE, connected=True, service="reviews", version=version)
    for width in (80, 90, 120):
        text = "".join(piece.text for piece in keys_line(footer(now), now, width))
        for words in (step, "R roll back", "? help", "q quit", "/ filter", ": command"):
            assert words in text, (words, text)


def nowhere(view: ServiceView) -> ServiceView:
    lost = VersionView(UNKNOWN, state=FAILING, caller=Signals(100, 10, 1.0))
    return replace(view, versions=(*view.versions, lost))


def test_requests_that_reach_no_pod_are_not_counted_as_a_version() -> None:
    reviews = next(view for view in views() if view.key.name == "reviews")
    text = "".join(piece.text for piece in counts_line([nowhere(reviews)]))
    assert f"1 version failing: reviews {NOWHERE}, reviews v3" in text
    details = next(view for view in views() if view.key.name == "details")
    text = "".join(piece.text for piece in counts_line([nowhere(details)]))
    assert f"failing: details {NOWHERE}" in text and "1 version" not in text
    broken = replace(nowhere(details), versions=(VersionView(UNKNOWN, state=ONLY_ERRORS),))
    text = "".join(piece.text for piece in counts_line([broken]))
    assert text == f"✖ only errors: details {NOWHERE}"


def test_what_a_rule_sends_to_another_service_is_named_once() -> None:
    known = {view.key.name: view for view in views()}
    reviews, details = known["reviews"], known["details"]
    v3 = next(row for row in reviews.versions if row.state == FAILING)
    own = replace(v3, owner=None)
    owner = replace(details, versions=(own,), state=FAILING)
    sent = replace(v3, owner=owner.key)
    router = replace(reviews, versions=(sent,), state=DEGRADED)

    def words(*shown: ServiceView) -> str:
        return "".join(piece.text for piece in counts_line(shown))

    assert words(router, owner).startswith("✖ 1 version failing: details v3")
    assert "1 degraded" in words(router, owner)
    assert words(router).startswith("✖ 1 version failing: reviews v3")
    well = replace(owner, versions=(replace(own, state=OK),), state=OK)
    assert words(router, well).startswith("✖ 1 version failing: reviews v3")

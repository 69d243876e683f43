"""What is typed after `:` and `/`."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual.widgets import Input

from meshtui.changes.change import (
    ClearBreaker,
    ClearFault,
    ClearMirror,
    ClearTimeout,
    Promote,
    Rollback,
    SetBreaker,
    SetFault,
    SetMirror,
    SetTimeout,
    Shift,
)
from meshtui.errors import Usage
from meshtui.mesh.view import service_views
from meshtui.ui.dialogs.choose import ChooseDialog
from meshtui.ui.main.commands import (
    Adopt,
    ChangeService,
    Command,
    EditObject,
    FilterBy,
    Run,
    ShowNamespace,
    SortBy,
    SwitchContext,
    Undo,
    UseTheme,
    names,
    parse_command,
)
from meshtui.ui.main.completing import Offered, completions
from meshtui.ui.main.filters import parse_filter
from tests.ui import bookinfo
from tests.ui.driving import SMALL, Drive, driving
from tests.ui.fake import FakeCockpit

GOOD: list[tuple[str, Command | None]] = [
    ("", None),
    ("shift v1=80 v3=20", ChangeService(Shift({"v1": 80, "v3": 20}))),
    ("shift v1=80%", ChangeService(Shift({"v1": 80}))),
    ("promote v2", ChangeService(Promote("v2"))),
    ("promote", Run("promote")),
    ("rollback", Run("rollback")),
    ("rollback v1", ChangeService(Rollback("v1", "named by the operator"))),
    ("undo", Undo()),
    ("undo c7", Undo("c7")),
    ("mirror v2 50%", ChangeService(SetMirror("v2", 50))),
    ("mirror v2 for 2h", ChangeService(SetMirror("v2", 100, 7200))),
    ("mirror off", ChangeService(ClearMirror())),
    ("fault delay 3s 50%", ChangeService(SetFault(delay_s=3, delay_percent=50))),
    ("fault abort 503 10%", ChangeService(SetFault(abort_http=503, abort_percent=10))),
    (
        "fault delay 200ms abort 503 10% header end-user=jason for none",
        ChangeService(
            SetFault(
                delay_s=0.2,
                abort_http=503,
                abort_percent=10,
                header=("end-user", "jason"),
                expires_s=None,
            )
        ),
    ),
    ("fault off", ChangeService(ClearFault())),
    ("fault off header a=b", ChangeService(ClearFault(("a", "b")))),
    ("shift v2=100 rule testers", ChangeService(Shift({"v2": 100}), "testers")),
    ("mirror off rule 0", ChangeService(ClearMirror(), "0")),
    ("fault abort 503 for 5m rule x", ChangeService(SetFault(abort_http=503, expires_s=300), "x")),
    ("timeout", Run("timeout")),
    ("timeout 10s", ChangeService(SetTimeout(10))),
    (
        "timeout 10s retries 3 per-try 3s on 5xx",
        ChangeService(SetTimeout(10, attempts=3, per_try_s=3, retry_on="5xx")),
    ),
    ("timeout retries 0", ChangeService(SetTimeout(attempts=0))),
    ("timeout off", ChangeService(ClearTimeout())),
    (
        "breaker subset v3 max-connections 100 consecutive-5xx 5 interval 10s",
        ChangeService(
            SetBreaker("v3", {"max_connections": 100, "consecutive_5xx": 5, "interval": "10s"})
        ),
    ),
    ("breaker off", ChangeService(ClearBreaker())),
    ("breaker subset v3 off", ChangeService(ClearBreaker("v3"))),
    ("adopt", Adopt()),
    ("adopt v1", Adopt("v1")),
    ("adopt gateway-api", Adopt(gateway_api=True)),
    ("adopt v1 --gateway-api", Adopt("v1", gateway_api=True)),
    ("edit", EditObject()),
    ("edit dr/reviews", EditObject("dr/reviews")),
    ("journal", Run("journal")),
    ("sort errors", SortBy("errors")),
    ("theme x", UseTheme("x")),
    ("q", Run("quit")),
    ("logs", Run("logs")),
    ("vs", Run("rules")),
    ("dr", Run("rules")),
    ("po", Run("pods")),
    ("gw", Run("exposure")),
    ("se", Run("graph")),
    ("svc", FilterBy("", to_table=True)),
    ("svc rev", FilterBy("rev", to_table=True)),
    ("ns", ShowNamespace()),
    ("ns all", ShowNamespace("all")),
    ("ctx", SwitchContext()),
]


@pytest.mark.parametrize(("text", "command"), GOOD)
def test_commands(text: str, command: Command | None) -> None:
    assert parse_command(text) == command


@pytest.mark.parametrize(
    "text",
    [
        "shift",
        "shift v1",
        "shift v1=x",
        "shift v1=101%",
        "promote v1 v2",
        "mirror v2 lots",
        "mirror v2 50 60",
        "mirror v2 for",
        "fault delay",
        "fault delay soon",
        "fault abort 99",
        "fault abort ٥٠٣",
        "fault explode",
        "fault header a=b",
        "fault delay 3s for ever",
        "sort colour",
        "digit",
        "nonsense",
        "timeout soon",
        "timeout 10s retries",
        "timeout 10s retries many",
        "timeout 10s twice",
        "breaker subset",
        "breaker subset v3",
        "breaker max-connections",
        "breaker max-connections 1.5",
        "breaker colour 5",
        "breaker interval soon",
        "adopt v1 v2",
        "edit a b",
        "help now",
        "undo a b",
    ],
)
def test_what_makes_no_sense_says_so_in_one_line(text: str) -> None:
    with pytest.raises(Usage) as caught:
        parse_command(text)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("shfit v1=5", ":shift"),
        ("weight v3 5", ":shift"),
        ("rollbck", ":rollback"),
        ("promot", ":promote"),
        ("lgos", ":logs"),
    ],
)
def test_a_slip_of_the_fingers_is_answered_with_what_was_meant(typed: str, meant: str) -> None:
    with pytest.raises(Usage) as caught:
        parse_command(typed)
    assert f"is it {meant}" in str(caught.value) or f"or {meant}" in str(caught.value)


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("set", "is it :theme or :sort or :view?"),
        ("set number", "is it :theme"),
        ("skin", "is it :theme?"),
        ("namespaces", "is it :ns?"),
        ("contexts", "is it :ctx?"),
        ("deploy", ":pods"),
        ("get pods", ":pods"),
        ("rollout undo", ":undo, or :rollback"),
        ("retry", ":timeout 10s --retries 3"),
        ("inject", ":fault"),
        ("why", ":signals"),
        ("map", ":graph"),
        ("weights", "is it :shift?"),
        ("split", ":shift V=W"),
        ("pc routes", "`meshtui proxy routes NAME`"),
        ("scale", "kubectl does that"),
        ("zzz", "shows the commands"),
    ],
)
def test_what_it_is_called_elsewhere_is_answered_with_what_does_it_here(
    typed: str, told: str
) -> None:
    with pytest.raises(Usage) as caught:
        parse_command(typed)
    assert told in caught.value.hint and ":se?" not in caught.value.hint


@pytest.mark.parametrize("typed", ["q", "q!", "qa", "wq", "x", "exit"])
def test_it_is_left_as_vi_is(typed: str) -> None:
    assert parse_command(typed) == Run("quit")


async def test_whoever_asks_for_the_services_is_told_that_they_are_all_there() -> None:
    async with driving(FakeCockpit(), SMALL) as drive:
        main = drive.app.main
        main.run_command("filter rev")
        main.run_command("svc")
        assert drive.status == "the table has all 4 services of all namespaces; / narrows it"
        assert "details" in drive.text


def test_every_name_that_completes_is_a_command() -> None:
    for name in names():
        try:
            assert parse_command(name) is not None
        except Usage as error:
            assert "there is no command" not in str(error), name


def shown(source: str) -> list[str]:
    mesh = bookinfo.mesh_of(bookinfo.objects())
    views = service_views(mesh, bookinfo.sample(mesh, 1.0))
    wanted = parse_filter(source)
    return [view.key.name for view in views if wanted.takes(view)]


def test_filters() -> None:
    assert shown("REV") == ["reviews"]
    assert shown("!rev") == ["details", "productpage", "ratings"]
    assert shown("-l app=ratings") == ["ratings"]
    assert shown("-l app=ratings,app=reviews") == []
    assert shown("failing") == ["reviews"]
    assert len(shown("")) == 4


def test_filters_by_expression_and_by_letters_in_order() -> None:
    assert shown("^bookinfo|r(at|ev)") == ["ratings", "reviews"]
    assert shown("RAT.*GS|det+ails") == ["details", "ratings"]
    assert shown("!s\\b") == ["productpage"]
    assert shown("-f rvw") == ["reviews"]
    assert shown("!-f ts") == ["productpage", "reviews"]
    assert shown("reviews.bookinfo") == ["reviews"], "a dot alone is one of a name"


@pytest.mark.parametrize("source", ["(", "*x", "[z-a]", "-f", "-f "])
def test_an_expression_that_is_none_is_refused_in_one_line(source: str) -> None:
    with pytest.raises(Usage) as caught:
        parse_filter(source)
    assert "\n" not in str(caught.value)


def test_an_expression_takes_no_more_time_than_it_has_letters() -> None:
    assert shown("(a+)+(a+)+$x") == []


@pytest.mark.parametrize("source", ["-l", "-l app", "-l =x"])
def test_a_label_filter_without_labels_is_refused(source: str) -> None:
    with pytest.raises(Usage):
        parse_filter(source)


# At the prompt


async def typed(drive: Drive, *keys: str, kind: str = "colon") -> None:
    """What is typed after `:`, once the line for it is there."""
    await drive.press(kind)
    await drive.until(lambda: drive.app.main.prompt.query_one("#prompt-text", Input).has_focus)
    await drive.press(*keys)


async def reads(drive: Drive, text: str) -> None:
    """The line holds this text; then it is left."""
    line = drive.app.main.prompt.query_one("#prompt-text", Input)
    await drive.until(lambda: line.value == text)
    await drive.press("escape")
    await drive.until(lambda: drive.app.main.table.has_focus)


async def test_tab_completes_and_the_arrows_bring_back_what_was_typed() -> None:
    async with driving(size=SMALL) as drive:
        await typed(drive, *"prom", "tab")
        await reads(drive, "promote ")
        for words in ("sort name", "view server"):
            await typed(drive, *words, "enter")
            await drive.until(lambda: drive.app.main.table.has_focus)
        await typed(drive, "up")
        await reads(drive, "view server")
        await typed(drive, *"x", "up", "up")
        await reads(drive, "sort name")
        await typed(drive, *"x", "up", "down")
        await reads(drive, "x")
        await typed(drive, "up", kind="slash")
        await reads(drive, "")


THERE = Offered(
    ("ratings", "reviews"), ("v1", "v2"), ("bookinfo", "shop"), ("lab", "other"), ("dusk", "snow")
)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("sh", ["shift "]),
        ("shor", ["shorter "]),
        ("prom", ["promote "]),
        ("shift ", ["shift v1=", "shift v2=", "shift rule "]),
        ("shift v1=80 ", ["shift v1=80 v2=", "shift v1=80 rule "]),
        ("promote v", ["promote v1 ", "promote v2 "]),
        ("rollback to ", ["rollback to v1 ", "rollback to v2 "]),
        ("mirror v2 p", ["mirror v2 percent "]),
        ("breaker subset v2", ["breaker subset v2 "]),
        ("fault del", ["fault delay ", "fault delay-percent "]),
        ("fault delay 3s delay", ["fault delay 3s delay-percent "]),
        ("fault o", ["fault off "]),
        ("ns s", ["ns shop "]),
        ("ctx ", ["ctx lab ", "ctx other "]),
        ("theme d", ["theme dusk "]),
        ("sort w", ["sort worst ", "sort weight "]),
        ("view s", ["view server "]),
        ("svc re", ["svc reviews "]),
        ("frob x", []),
        ("logs code:", []),
        (" ", []),
    ],
)
def test_what_a_line_may_become(line: str, words: list[str]) -> None:
    assert list(completions(line, THERE)) == words


@given(st.text("abfhiorstuv =1.[]", max_size=20))
def test_what_a_line_may_become_begins_with_it(line: str) -> None:
    found = completions(line, THERE)
    assert all(one.lower().startswith(line.lower()) for one in found)
    assert len(set(found)) == len(found)


async def test_tab_completes_the_words_of_a_command_and_goes_through_them() -> None:
    async with driving(size=SMALL) as drive:
        await drive.go_to("reviews", "v3")
        await typed(drive, *"sh")
        line = drive.app.main.prompt.query_one("#prompt-text", Input)
        for wanted in ("", "v1=", "v2=", "v3=", "rule ", "v1="):
            await drive.press("tab")
            await drive.until(lambda wanted=wanted: line.value == f"shift {wanted}")
        await drive.press("7", "0", "enter")
        await drive.armed()


async def test_what_is_typed_after_a_slash_takes_the_place_of_the_last_filter() -> None:
    async with driving(size=SMALL) as drive:
        await drive.press("slash", *"rev", "enter", "slash", *"rat", "enter")
        assert drive.app.main.table.filter.source == "rat"
        await drive.press("slash", "right", "i", "enter")
        assert drive.app.main.table.filter.source == "rati"
        await drive.press("slash", "enter")
        assert drive.app.main.table.filter.source == "rati"


async def test_the_services_of_k9s_are_the_table_and_its_filter() -> None:
    async with driving(size=SMALL) as drive:
        await drive.press("s")
        await typed(drive, *"svc rat", "enter")
        await drive.until(lambda: drive.app.main.table.filter.source == "rat")
        assert drive.app.main.arrangement.focus == "table"


@pytest.mark.parametrize(
    ("key", "text", "said"),
    [
        ("colon", "sh", "Tab shift"),
        ("colon", "mirror ", "Tab v1 v2 v3"),
        ("slash", "rev(", "│ is no expression: missing )"),
        ("slash", "rev", "-l app=x"),
    ],
)
async def test_the_footer_has_the_keys_of_the_line_that_is_typed_in(
    key: str, text: str, said: str
) -> None:
    async with driving(size=SMALL) as drive:
        assert "q quit" in keys_shown(drive)
        await drive.press(key)
        await drive.type(text)
        await drive.until(lambda: said in keys_shown(drive))
        assert "Esc back" in keys_shown(drive) and "q quit" not in keys_shown(drive)
        await drive.press("escape")
        await drive.until(lambda: "q quit" in keys_shown(drive))


def keys_shown(drive: Drive) -> str:
    return drive.text.splitlines()[-1]


async def test_namespaces_and_contexts_are_picked_from_a_list() -> None:
    async with driving(size=SMALL) as drive:
        await typed(drive, *"ns", "enter")
        await drive.until(lambda: isinstance(drive.app.screen, ChooseDialog))
        await drive.press("down", "enter")
        await drive.until(lambda: "namespace bookinfo" in drive.status)
        await typed(drive, *"ctx", "enter")
        await drive.until(lambda: isinstance(drive.app.screen, ChooseDialog))
        await drive.type("oth")
        await drive.press("enter")
        await drive.until(lambda: drive.cockpit.connects == 2)
        assert drive.cockpit.context == "other"
        await drive.until(lambda: drive.app.main.was_connected)
        await typed(drive, *"ctx", "enter")
        await drive.until(lambda: isinstance(drive.app.screen, ChooseDialog))
        lines = [line for line in drive.text.splitlines() if "now" in line or "before" in line]
        assert "other" in lines[0] and "lab" in lines[1]


async def test_a_namespace_is_tried_where_not_all_may_be_looked_at() -> None:
    cockpit = FakeCockpit()
    cockpit.mesh_override = replace(cockpit.mesh, partial={"services": frozenset({"bookinfo"})})
    async with driving(cockpit, SMALL) as drive:
        await typed(drive, *"ns [red]shop", "enter")
        assert "[red]shop is no name of a namespace" in drive.status
        await typed(drive, *"ns shop", "enter")
        await drive.until(lambda: drive.cockpit.connects == 2)
        assert drive.cockpit.context_namespace == "shop"
        await typed(drive, *"ns", "enter")
        await drive.until(lambda: isinstance(drive.app.screen, ChooseDialog))
        listed = drive.text.partition("narrow the list")[2]
        assert "shop" in listed and "bookinfo" in listed


@pytest.mark.parametrize(
    ("line", "meant"),
    [
        ("svc reviws", "reviews"),
        ("service revews", "reviews"),
        ("ns bookinf", "bookinfo"),
        ("theme meshtui-drak", "meshtui-dark"),
        ("promot v1", ":promote"),
    ],
)
async def test_a_wrong_name_is_answered_with_the_nearest(line: str, meant: str) -> None:
    async with driving() as drive:
        await drive.press(":")
        await drive.type(line)
        await drive.press("enter")
        await drive.until(lambda: meant in drive.status)
        assert "did you mean" in drive.status or "is it" in drive.status
        assert "reviews" in drive.text and not drive.app.main.table.filter

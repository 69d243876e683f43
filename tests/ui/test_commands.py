"""What is typed after `:` and `/`."""

from __future__ import annotations

import pytest

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
from meshtui.ui.main.commands import (
    Adopt,
    ChangeService,
    Command,
    EditObject,
    Run,
    SortBy,
    Undo,
    UseTheme,
    parse_command,
)
from meshtui.ui.main.filters import parse_filter
from tests.ui import bookinfo

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
    ("edit", EditObject()),
    ("edit dr/reviews", EditObject("dr/reviews")),
    ("journal", Run("journal")),
    ("sort errors", SortBy("errors")),
    ("theme x", UseTheme("x")),
    ("q", Run("quit")),
    ("logs", Run("logs")),
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


def names(source: str) -> list[str]:
    mesh = bookinfo.mesh_of(bookinfo.objects())
    views = service_views(mesh, bookinfo.sample(mesh, 1.0))
    wanted = parse_filter(source)
    return [view.key.name for view in views if wanted.takes(view)]


def test_filters() -> None:
    assert names("REV") == ["reviews"]
    assert names("!rev") == ["details", "productpage", "ratings"]
    assert names("-l app=ratings") == ["ratings"]
    assert names("-l app=ratings,app=reviews") == []
    assert names("failing") == ["reviews"]
    assert len(names("")) == 4


@pytest.mark.parametrize("source", ["-l", "-l app", "-l =x"])
def test_a_label_filter_without_labels_is_refused(source: str) -> None:
    with pytest.raises(Usage):
        parse_filter(source)

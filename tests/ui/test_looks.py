"""How it looks: themes, contrast, what is told without colour, signs in ASCII, badges."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from rich.cells import cell_len
from rich.style import Style
from textual.color import Color
from textual.theme import Theme

import meshtui
from meshtui.config import Config, load_config
from meshtui.errors import Usage
from meshtui.ui import paths
from meshtui.ui.app import MeshtuiApp
from meshtui.ui.badges import PLAIN, RED, YELLOW, badge_of
from meshtui.ui.dialogs.choose import ChooseDialog
from meshtui.ui.panes.analysistext import LOOKS
from meshtui.ui.table.cells import SIGNS as STATES
from meshtui.ui.themes import load_themes, parse_theme
from meshtui.ui.widgets import roles
from meshtui.ui.widgets.ascii import DOTS, SIGNS, to_ascii
from meshtui.ui.widgets.paint import Span, fit_middle, strip_of
from meshtui.ui.widgets.plot import Curve, plot
from tests.ui import bookinfo
from tests.ui.driving import LARGE, SMALL, Drive, driving
from tests.ui.fake import FakeCockpit
from tests.ui.test_snapshots import CASES, Case, cockpit

SIZES = pytest.mark.parametrize("size", [SMALL, LARGE])
SHIPPED = load_themes((paths.shipped_themes(),))
RGB = [theme for theme in SHIPPED.found if not theme.ansi]
NOT_TEXT = {"faint", "spark", "bar", "bar-sick", "bar-warning", "bar-draft"}
"""Roles of rules, dots and drawings."""

GROUNDS = (
    *("background", "surface", "panel", "mesh-cursor", "mesh-cursor-blurred"),
    *("mesh-notice", "mesh-sick", "mesh-cursor-sick"),
)
XTERM = {
    "ansi_default": "#e5e5e5", "ansi_white": "#e5e5e5", "ansi_black": "#000000",
    "ansi_cyan": "#00cdcd", "ansi_bright_black": "#7f7f7f", "ansi_bright_red": "#ff0000",
    "ansi_bright_green": "#00ff00", "ansi_bright_yellow": "#ffff00",
    "ansi_bright_blue": "#5c5cff", "ansi_bright_magenta": "#ff00ff", "ansi_bright_cyan": "#00ffff",
}  # fmt: skip
"""What xterm shows for the colours of a terminal."""


def variables(theme: Theme) -> dict[str, str]:
    made = theme.to_color_system().generate()
    return {**made, **roles.default_variables(theme), **theme.variables}


def luminance(colour: Color) -> float:
    parts = [part / 255 for part in (colour.r, colour.g, colour.b)]
    linear = [p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: Color, other: Color) -> float:
    """As WCAG 2.1 defines it."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


# Themes


def test_there_are_two_dark_themes_a_light_one_high_contrast_and_the_terminals_own() -> None:
    assert SHIPPED.problems == ()
    named = {theme.name.removeprefix("meshtui-"): theme for theme in SHIPPED.found}
    assert set(named) >= {"dark", "colourblind", "light", "contrast", "ansi"}
    assert [name for name in named if not named[name].dark] == ["light"]
    assert named["ansi"].ansi


@pytest.mark.parametrize("theme", RGB, ids=lambda theme: theme.name)
def test_every_text_can_be_read_on_every_ground(theme: Theme) -> None:
    found, least = variables(theme), 7.0 if "contrast" in theme.name else 4.5
    weak = []
    for role, (text, ground, _) in roles._ROLES.items():
        if not text or role in NOT_TEXT:
            continue
        for name in (ground,) if ground else GROUNDS:
            ratio = contrast(Color.parse(found[text]), Color.parse(found[name]))
            wanted = least if name == "background" else 4.5
            weak += [(role, name, round(ratio, 2))] if ratio < wanted else []
    assert weak == []


DRAWN = set("·│├└─┊╌┤┬┴▌▐") | {
    chr(code) for code in (*range(0x2580, 0x25A0), *range(0x2800, 0x2900))
}
"""What is drawn and not read."""

LOOKED_AT = (
    *("main", "draft", "prompt", "pane-canary", "pane-logs", "diff-dangerous"),
    *("form-fault", "form-timeout", "followed", "namespaces", "help"),
)


def hardly_read(drive: Drive) -> dict[tuple[str, str], str]:
    """Texts of the screen in front whose contrast on their ground is below 4.5:1."""
    screen = drive.app.screen
    parts = [child.region for child in screen.children]
    found = {}
    for y, strip in enumerate(screen._compositor.render_strips()):
        x = 0
        for text, style, _ in strip:
            inside = any(part.contains(x, y) for part in parts)
            x += cell_len(text)
            if inside and style is not None and set(text.strip()) - DRAWN:
                above, below = style.color, style.bgcolor
                assert above is not None and below is not None
                pair = [Color.from_rich_color(colour) for colour in (above, below)]
                if contrast(*pair) < 4.5:
                    found[pair[0].hex, pair[1].hex] = text.strip()
    return found


@pytest.mark.parametrize("case", [c for c in CASES if c.name in LOOKED_AT], ids=lambda c: c.name)
async def test_what_is_painted_can_be_read_in_every_theme(case: Case) -> None:
    async with driving(cockpit(), SMALL) as drive:
        await drive.go_to(*case.service)
        await case.open(drive)
        await drive.until(lambda: type(drive.app.screen).__name__ == case.screen)
        if case.name == "help":
            await drive.press("slash")
        for theme in RGB:
            drive.app.theme = theme.name
            await drive.until(lambda: hardly_read(drive) == {}, seconds=10)


@pytest.mark.parametrize("theme", RGB, ids=lambda theme: theme.name)
def test_bars_and_tinted_lines_stand_out(theme: Theme) -> None:
    found = {name: Color.parse(value) for name, value in variables(theme).items() if "#" in value}
    for role in ("bar", "bar-sick", "bar-warning", "bar-draft"):
        text, ground, _ = roles._ROLES[role]
        assert contrast(found[text], found[ground]) >= 3, role
    assert found["mesh-sick"] not in (found["background"], found["mesh-cursor"])


def test_the_terminals_own_colours_can_be_read_on_black() -> None:
    (theme,) = (theme for theme in SHIPPED.found if theme.ansi)
    found = variables(theme)
    for role, (text, ground, _) in roles._ROLES.items():
        if not text or role in NOT_TEXT:
            continue
        above, below = XTERM[found[text]], XTERM[found[ground]] if ground else "#000000"
        below = "#000000" if below == XTERM["ansi_default"] else below
        assert contrast(Color.parse(above), Color.parse(below)) >= 4.5, role


def test_a_reversed_cursor_line_has_no_colours_of_its_own() -> None:
    styles = roles.styles(variables(next(theme for theme in SHIPPED.found if theme.ansi)))
    assert styles["cursor"].reverse
    ground = Style(reverse=True)
    strip = strip_of((Span("a ", "text"), Span("12%", "failing"), Span("█", "bar")), styles, ground)
    assert {segment.style.color for segment in strip if segment.style} == {None}
    assert [s.text for s in strip if s.style and s.style.bold] == ["12%"]


BROKEN = {
    "yaml": "name: [",
    "list": "- a",
    "nameless": "dark: true",
    "colour": "name: x\ncolours: {primary: noblue}",
    "unknown": "name: x\ncolours: {wall: red}",
    "bytes": "\x00\x01",
}


async def test_themes_of_ones_own_are_found_and_broken_ones_never_stop_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "meshtui" / "themes"
    folder.mkdir(parents=True)
    for name, text in BROKEN.items():
        (folder / f"{name}.yaml").write_text(text)
    (folder / "latin.yaml").write_bytes(b"name: \xff")
    good = (paths.shipped_themes() / "meshtui-light.yaml").read_text()
    (folder / "mine.yaml").write_text(good.replace("meshtui-light", "mine"))
    monkeypatch.setattr(paths, "user_themes", lambda: folder)
    cockpit = FakeCockpit()
    app = MeshtuiApp(cockpit, theme="mine", clock=cockpit.clock)
    async with app.run_test(size=SMALL) as pilot:
        drive = Drive(app, cockpit, pilot)
        await drive.until(lambda: app.opened is not None and app.main.snapshot is not None)
        assert app.theme == "mine" and "reviews" in drive.text
        assert "left out" in drive.status
    assert len(load_themes((folder,)).problems) == len(BROKEN) + 1


def test_a_theme_without_roles_has_grounds_mixed_from_its_colours() -> None:
    colours = dict.fromkeys(("primary", "secondary", "accent", "success", "warning"), "#88aaff")
    plain = {"foreground": "#ffffff", "background": "#000000", "surface": "#000000"}
    theme = parse_theme(
        {"name": "x", "colours": {**colours, **plain, "panel": "#111111", "error": "#ff0000"}}
    )
    found = roles.default_variables(theme)
    assert Color.parse(found["mesh-sick"]).r > 20 and Color.parse(found["mesh-sick"]).g == 0


@SIZES
async def test_themes_are_seen_while_the_cursor_is_on_them(size: tuple[int, int]) -> None:
    async with driving(size=size) as drive:
        before = drive.app.theme
        await drive.press("colon")
        await drive.type("theme")
        await drive.press("enter")
        await drive.until(lambda: isinstance(drive.app.screen, ChooseDialog))
        await drive.type("light")
        await drive.until(lambda: drive.app.theme == "meshtui-light")
        await drive.press("escape")
        await drive.until(lambda: drive.app.theme == before)
        await drive.press("colon")
        await drive.type("theme")
        await drive.press("enter")
        await drive.until(lambda: isinstance(drive.app.screen, ChooseDialog))
        await drive.press("down")
        await drive.until(lambda: drive.app.theme != before)
        chosen = drive.app.theme
        await drive.press("enter")
        await drive.until(lambda: f"theme {chosen}" in drive.status)
        assert drive.app.theme == chosen


@pytest.mark.parametrize("theme", ["meshtui-dark", "meshtui-ansi"])
@SIZES
async def test_a_theme_is_seen_on_the_failing_row_while_it_is_chosen(
    size: tuple[int, int], theme: str
) -> None:
    async with driving(size=size) as drive:
        await drive.press("home")
        row = next(line for line in drive.text.splitlines() if "✖ v3" in line).rstrip()
        drive.app.theme = theme
        await drive.press("colon")
        await drive.type("theme")
        await drive.press("enter")
        await drive.until(lambda: isinstance(drive.app.screen, ChooseDialog))
        await drive.until(lambda: row in drive.text)


async def test_the_palette_has_signs_of_its_own_in_ascii() -> None:
    """Textual draws it with an emoji and with rules that nothing stands for."""
    async with driving(size=SMALL) as drive:
        await drive.press("ctrl+p")
        await drive.until(lambda: "Search for commands" in drive.text and "adopt" in drive.text)
        *lines, footer = drive.text.splitlines()
        assert "? help" in footer
        assert not any("?" in to_ascii(line) for line in lines if "?" not in line)


def test_what_is_behind_a_dialog_is_seen_in_the_terminals_own_colours_too() -> None:
    """They cannot be mixed: a ground that is half there hides all."""
    folder = Path(meshtui.__file__).parent / "ui" / "dialogs"
    sheets = {path.name: path.read_text() for path in folder.glob("*.tcss")}
    mixed = {name for name, text in sheets.items() if re.search(r"background: \S+ \d+%", text)}
    clear = {name for name, text in sheets.items() if "&:ansi {\n        background: tr" in text}
    assert mixed and mixed == clear


# The failing row


@SIZES
async def test_the_failing_row_is_tinted_and_its_number_is_bold(size: tuple[int, int]) -> None:
    async with driving(size=size) as drive:
        table = drive.app.main.table
        await drive.press("home")
        tinted = [i for i in range(table.line_count()) if table.base_role_at(i) == "sick"]
        assert [table.entries[i].place.version for i in tinted] == ["v3"]
        number = next(piece for piece in table.line_at(tinted[0]) if piece.text == "12.0%")
        assert table.by_role[number.role].bold
        drive.cockpit.clock.now += 60
        await drive.until(lambda: table.base_role_at(tinted[0]) != "sick")


async def test_a_failing_row_draws_its_errors_and_the_others_their_requests() -> None:
    async with driving() as drive:
        for _ in range(6):
            await drive.tick()
        rows = drive.text.splitlines()
        failing = next(row for row in rows if "✖ v3" in row)
        well = next(row for row in rows if "● v1" in row)
        assert re.search("[▄▅▆▇]+ err", failing) and not re.search("[▅▆▇]", well)
        assert re.search("[▁▂▃▄]{6}", well)


async def test_a_slow_row_draws_its_p99(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(bookinfo.ERRORS, "v3", 0.0)
    async with driving() as drive:
        entry = next(e for e in drive.app.main.table.entries if e.place.version == "v3")
        if entry.version is not None and entry.version.state == "slow":
            assert " p99" in next(row for row in drive.text.splitlines() if "v3" in row)


async def test_the_cursor_is_told_without_a_colour() -> None:
    async with driving() as drive:
        await drive.go_to("ratings")
        marked = [row for row in drive.text.splitlines() if row.startswith("▌")]
        assert len(marked) == 1 and "ratings" in marked[0]


# Names cut in the middle


@pytest.mark.parametrize("width", range(8, 40))
def test_a_long_pod_name_keeps_both_of_its_ends(width: int) -> None:
    name = "productpage-v1-7d9f8c6b5-x7k2p"
    cut = fit_middle(name, width)
    assert cell_len(cut) == width
    if width < len(name):
        begin, _, end = cut.partition("…")
        assert begin and end and name.startswith(begin) and name.endswith(end)
    else:
        assert cut.rstrip() == name


@pytest.mark.parametrize(
    ("name", "width", "cut"),
    [
        ("reviews-v1-qttbd2gxp-4sf66", 20, "reviews-v1-qt…-4sf66"),
        ("istio-ingressgateway-fv2k4wjd2-6nkkr.istio-system", 30, "istio-ingr…-6nkkr.istio-system"),
        ("ip-10-0-12-34.eu-west-1.compute.internal", 20, "ip-10-0-12….internal"),
        ("averyveryverylongname", 12, "averyv…gname"),
    ],
)
def test_of_a_pods_name_its_last_part_and_the_more_of_its_beginning_are_kept(
    name: str, width: int, cut: str
) -> None:
    assert fit_middle(name, width) == cut


def test_wide_characters_are_cut_in_the_middle_by_cells() -> None:
    assert cell_len(fit_middle("日本語のとても長い名前", 12)) == 12


# ASCII


def test_every_sign_of_the_screen_has_one_in_ascii() -> None:
    source = Path(meshtui.__file__).parent
    folders = [source / name for name in ("ui", "mesh", "diagnosis", "changes", "operations")]
    used = {
        char for folder in folders for file in folder.rglob("*.py") for char in file.read_text()
    }
    assert {char for char in used if not char.isascii()} - set(SIGNS) == set()


def test_lines_of_charts_keep_their_height_in_ascii() -> None:
    heights = [0.0, 0.0, 0.3, 0.3, 0.6, 0.6, 1.0, 1.0]
    (drawn,) = plot([Curve("a", "line-1", tuple(heights))], 4, 1, 1.0)
    assert to_ascii("".join(piece.text for piece in drawn)) == "_.-'"
    assert "?" not in to_ascii("".join(DOTS)) and to_ascii(chr(0x28FF)) == ":"


def test_a_sign_in_ascii_has_as_many_cells_and_states_differ() -> None:
    for sign, plain in SIGNS.items():
        assert plain.isascii() and len(plain) == 1 and cell_len(sign) == 1
    signs = {*STATES.values(), *(sign for sign, _ in LOOKS.values())}
    assert len({to_ascii(sign) for sign in signs}) == len(signs)
    assert to_ascii("日本 ü ñ") == "???? u ?"
    assert to_ascii("5.0 % ± 1.8") == "5.0 %+/-1.8"


@SIZES
async def test_in_ascii_nothing_else_reaches_the_terminal(size: tuple[int, int]) -> None:
    cockpit = FakeCockpit()
    app = MeshtuiApp(cockpit, clock=cockpit.clock, ascii_only=True)
    async with app.run_test(size=size) as pilot:
        drive = Drive(app, cockpit, pilot)
        await drive.until(lambda: app.opened is not None and app.main.snapshot is not None)
        assert "X v3" in drive.text
        for keys in (
            ("g",),
            ("s",),
            ("y",),
            ("l",),
            ("h",),
            ("question_mark",),
            ("escape", "m"),
            ("R",),
        ):
            await drive.press(*keys)
            assert "???" not in drive.text
            assert drive.text.isascii(), [c for c in drive.text if not c.isascii()]


# A context's badge


@pytest.mark.parametrize(
    ("context", "badges", "badge"),
    [
        ("prod-eu", {}, RED),
        ("gke_acme_production_1", {}, RED),
        ("product-lab", {}, PLAIN),
        ("prod-eu", {"prod-*": "plain"}, PLAIN),
        ("staging", {"prod*": "red", "stag*": "yellow"}, YELLOW),
    ],
)
def test_production_looks_like_production(context: str, badges: dict[str, str], badge: str) -> None:
    assert badge_of(context, badges) == badge


def test_a_context_that_the_configuration_marks_is_red_unless_a_badge_says_otherwise() -> None:
    assert badge_of("shop", {}, production=True) == RED
    assert badge_of("shop", {"sh*": "plain"}, production=True) == PLAIN


@SIZES
async def test_a_context_that_says_production_is_loud_in_the_header(size: tuple[int, int]) -> None:
    cockpit = FakeCockpit()
    cockpit.context = "prod"
    async with driving(cockpit, size) as drive:
        assert "! prod" in drive.text.splitlines()[0]
        assert "loud" in {piece.role for piece in drive.app.main.header.lines[0]}


@pytest.mark.parametrize("text", ["badges: {a: blue}", "badges: red", "ascii: 7"])
def test_wrong_looks_in_the_configuration_are_named(text: str, tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(text)
    with pytest.raises(Usage, match=r"badges|ascii"):
        load_config(path)
    path.write_text("badges: {prod: red}\nascii: true")
    assert load_config(path) == Config(ascii=True, badges={"prod": "red"})

"""The settings: one table; where each value comes from; what is wrong, with its line."""

from __future__ import annotations

import json
import re
from argparse import Namespace
from pathlib import Path
from typing import Any

import pytest
import yaml

from meshtui.changes.change import SetFault, SetMirror
from meshtui.changes.requests import request_of
from meshtui.cli.application import app_of
from meshtui.cli.canary import _plans
from meshtui.cli.change_commands import values_of
from meshtui.cli.main import main
from meshtui.cli.options import READS, note_left_out, options
from meshtui.cli.parser import build_parser
from meshtui.config import SETTINGS, Config, load, load_config
from meshtui.config.settings import BY_NAME, LADDER
from meshtui.config.template import template
from meshtui.errors import NotAllowed, Usage
from meshtui.operations.live import LiveCockpit
from meshtui.operations.request.load import refuse_load
from meshtui.ui.paths import shipped_themes
from meshtui.verbs import VERBS
from meshtui.verbs.verb import CANARY, CHANGES

Capture = pytest.CaptureFixture[str]
NO_ENVIRONMENT: dict[str, str] = {}


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the file would be."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    found = tmp_path / "meshtui" / "config.yaml"
    found.parent.mkdir()
    return found


def test_the_table_and_the_dataclass_are_the_same() -> None:
    assert list(BY_NAME) == list(Config.__dataclass_fields__)


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda one: one.name)
def test_each_example_is_one_that_is_taken(setting: Any, path: Path) -> None:
    path.write_text(f"# first\n{setting.name}: {setting.example}\n")
    found = load(path, NO_ENVIRONMENT)
    assert found.sources[setting.name] == f"{path}:2"
    assert {found.sources[one.name] for one in SETTINGS if one is not setting} == {"default"}
    wanted = setting.check(yaml.safe_load(setting.example))
    assert getattr(found.config, setting.name) == wanted


def test_without_a_file_all_is_by_default(path: Path) -> None:
    found = load(None, NO_ENVIRONMENT)
    assert (found.config, found.found, found.path) == (Config(), False, path)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: 1\nthme: x", r":1: unknown key a: is it of a newer version\? "),
        ("failing: 0.5\n\nthme: x", r":3: unknown key thme: is it theme\?"),
        ("Prometheus: auto", r":1: unknown key Prometheus: is it prometheus\?"),
        ("failing: 2", r":1: failing is a number from 0 to 1: as in `failing: 0.10`"),
        ("failing: true", "failing is a number"),
        ("failing: .nan", "failing is a number"),
        ("tick_s: soon", "tick_s is a number from 0.2 to 3600"),
        ("theme: [a]", "theme is a word"),
        ("ascii: 7", "ascii is true or false"),
        ("stable: v1", "stable is a map of services to versions"),
        ("\nbadges: {a: blue}", ":2: badges is a map of contexts to red, yellow, plain"),
        ("prometheus_match: [1]", "prometheus_match is a text or a list of texts"),
        ("- a", "expected keys and values"),
        ("just words", "expected keys and values"),
        ("a: [", "is not YAML"),
        ("[" * 5000, "is not YAML"),
        ("theme: [a\nascii: {", r":2: is not YAML \(expected"),
        ("contexts:\n\ta: {}", r":2: is not YAML \(found character"),
        ("theme: a\n---\ntheme: b", r":2: is not YAML \(but found another document\)"),
        ("theme: !!python/name:os.system ''", r":1: is not YAML \(could not determine"),
        ("a: &a [x, *b]", r":1: is not YAML \(found undefined alias"),
        ("theme: a\n\ntheme: b", ":3: theme stands twice: it stands in line 1 already"),
        ("contexts:\n  p:\n    ascii: true\n  p: {}", ":4: p stands twice: it stands in line 2"),
        ("theme: 2020-01-01", ":1: theme is a word"),
        ("failing: 1e999", "failing is a number"),
        ("version: 9\nholograms: {depth: 3}", ":1: unknown key version"),
        ("1: 2", "unknown key 1"),
        ("\ncontexts: [a]", ":2: contexts is a map of patterns of contexts to settings"),
        ("contexts: {prod: 1}", "contexts is a map of patterns"),
        (
            "contexts:\n  prod:\n    failing: 2",
            ":3: contexts: prod: failing is a number from 0 to 1: as in `failing: 0.10`",
        ),
        ("contexts:\n  prod:\n    thme: x", r":3: contexts: prod: unknown key thme: is it theme\?"),
        ("contexts: {prod: {ascii: true}}", ":1: contexts: prod: ascii is for every context"),
        ("contexts: {prod: {contexts: {}}}", "prod: contexts is for every context"),
        (
            "contexts:\n  a: {theme: x}\n  b: {zzz: 1}",
            ":3: contexts: b: unknown key zzz: there are",
        ),
        ("\nladder: [5, 5]", ":2: ladder is percentages above 0 and at most 100, each above"),
        ("\nprometheus: atuo", ":2: prometheus is auto, none or a URL, as in http://HOST:PORT"),
        (
            "contexts: {p: {prometheus: none at all}}",
            ":1: contexts: p: prometheus is auto, none or a URL",
        ),
        ("ladder: [50, 10]", "ladder is percentages"),
        ("ladder: [0, 10]", "ladder is percentages"),
        ("ladder: 101", "ladder is percentages"),
        ("ladder: []", "ladder is percentages"),
        ("fault_for: soon", "fault_for is a time, as in 15m or 2h, or none"),
        ("contexts:\n  p:\n    mirror_for: x", ":3: contexts: p: mirror_for is a time, as in 15m"),
        ("keys: [a]", "keys is a map of actions to keys"),
        ("keys: {logs: {a: b}}", "keys is a map of actions to a key or a list of keys"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(path: Path, text: str, words: str) -> None:
    path.write_text(text)
    with pytest.raises(Usage, match=words):
        load_config(path)


def test_what_cannot_be_read_is_said(path: Path) -> None:
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(Usage, match="is not text in UTF-8"):
        load_config(path)
    path.unlink()
    path.mkdir()
    with pytest.raises(Usage, match="is a folder"):
        load_config(path)


def test_the_environment_goes_before_the_file(path: Path) -> None:
    path.write_text("theme: a\nfailing: 0.2\n")
    environment = {"MESHTUI_THEME": "b", "MESHTUI_READ_ONLY": "yes", "MESHTUI_TICK_S": "5"}
    found = load(path, environment)
    assert (found.config.theme, found.config.read_only, found.config.tick_s) == ("b", True, 5.0)
    assert found.config.failing == 0.2
    assert found.sources["theme"] == "MESHTUI_THEME"
    with pytest.raises(Usage, match="MESHTUI_ASCII: ascii is true or false"):
        load(path, {"MESHTUI_ASCII": "perhaps"})


def test_the_template_names_every_setting_and_sets_none() -> None:
    assert yaml.safe_load(template()) is None
    uncommented = re.sub(r"^# (\w+: )", r"\1", template(), flags=re.MULTILINE)
    assert list(yaml.safe_load(uncommented)) == [one.name for one in SETTINGS]


def test_init_writes_a_file_and_never_over_one(path: Path, capsys: Capture) -> None:
    assert main(["config", "init"]) == 0
    assert capsys.readouterr().out == f"{path}\n"
    assert path.read_text() == template() and path.stat().st_mode & 0o777 == 0o600
    path.write_text("theme: mine\n")
    assert main(["config", "init"]) == 1
    assert "is there already: --force writes over it" in capsys.readouterr().err
    assert path.read_text() == "theme: mine\n"
    assert main(["config", "init", "--force"]) == 0
    assert path.read_text() == template()


def test_path_says_where_even_where_the_file_is_wrong(path: Path, capsys: Capture) -> None:
    path.write_text("thme: x")
    assert main(["config", "path", "-o", "json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"file": str(path), "found": True}
    assert main(["config", "show"]) == 2
    assert main(["config", "show", "--force"]) == 2


def test_show_says_where_each_value_comes_from_and_shows_no_secret(
    path: Path, capsys: Capture
) -> None:
    path.write_text(
        "theme: nord\nprometheus: https://me:s3cret@host\n"
        "prometheus_headers: ['Authorization: s3cret']\n"
    )
    assert main(["config", "show"]) == 0
    out = capsys.readouterr().out
    rows = {line.split()[0]: line.split()[1:] for line in out.splitlines()}
    assert rows["theme"] == ["nord", f"{path}:1"] and rows["failing"] == ["0.1", "default"]
    assert "(hidden)" in out and "s3cret" not in out
    assert main(["config", "show", "-o", "json"]) == 0
    document = capsys.readouterr().out
    assert "s3cret" not in document
    found = {one["name"]: one for one in json.loads(document)["settings"]}
    assert (found["theme"]["value"], found["theme"]["from"]) == ("nord", f"{path}:1")
    assert (found["failing"]["value"], found["failing"]["from"]) == (0.1, "default")
    assert found["failing"]["variable"] == "MESHTUI_FAILING"


# Settings of contexts

KUBECONFIG = {
    "current-context": "prod-eu",
    "clusters": [{"name": "c", "cluster": {"server": "https://127.0.0.1:1"}}],
    "users": [{"name": "me", "user": {"token": "x"}}],
    "contexts": [
        {"name": name, "context": {"cluster": "c", "user": "me"}} for name in ("prod-eu", "lab")
    ],
}
CONTEXTS = """\
failing: 0.2
contexts:
  "prod-*": {read_only: true, failing: 0.02, namespace: shop}
  "*-eu": {failing: 0.01, prometheus: "http://eu:9090"}
"""


@pytest.fixture
def prod(path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A kubeconfig whose current context is of production, and what the file says of it."""
    kubeconfig = path.parent / "kubeconfig"
    kubeconfig.write_text(json.dumps(KUBECONFIG))
    monkeypatch.setenv("KUBECONFIG", str(kubeconfig))
    path.write_text(CONTEXTS)
    return path


def test_a_contexts_settings_go_before_the_files_and_later_patterns_before_earlier(
    prod: Path,
) -> None:
    found = load(None, NO_ENVIRONMENT).in_context("prod-eu")
    assert (found.config.read_only, found.config.failing) == (True, 0.01)
    assert found.sources["failing"] == f"{prod}:4 (*-eu)"
    assert found.sources["read_only"] == f"{prod}:3 (prod-*)"
    assert load(None, NO_ENVIRONMENT).in_context("lab").config.failing == 0.2


def test_the_environment_goes_before_a_contexts_settings(prod: Path) -> None:
    found = load(None, {"MESHTUI_FAILING": "0.5"}).in_context("prod-eu")
    assert (found.config.failing, found.sources["failing"]) == (0.5, "MESHTUI_FAILING")
    assert found.config.read_only is True


@pytest.mark.usefixtures("prod")
def test_the_options_are_those_of_the_current_context_or_of_the_one_that_is_given() -> None:
    current = options(Namespace())
    assert (current.read_only, current.namespace) == (True, "shop")
    assert (current.prometheus, current.thresholds.failing) == ("http://eu:9090", 0.01)
    given = options(Namespace(context="lab"))
    assert (given.read_only, given.namespace, given.thresholds.failing) == (False, None, 0.2)
    assert options(Namespace(namespace="mine", prometheus="none")).namespace == "mine"
    assert options(Namespace(prometheus="none")).prometheus == "none"


@pytest.mark.usefixtures("prod")
def test_another_context_on_the_screen_has_settings_of_its_own_and_the_flags_stay() -> None:
    cockpit = LiveCockpit(options(Namespace(context="lab", namespace="mine")))
    assert cockpit.read_only is False
    cockpit.choose("prod-eu")
    assert cockpit.read_only is True
    assert cockpit._options.namespace == "shop"
    cockpit.choose("lab")
    assert (cockpit.read_only, cockpit._options.namespace) == (False, None)
    flagged = LiveCockpit(options(Namespace(context="prod-eu", read_only=True)))
    flagged.choose("lab")
    assert flagged.read_only is True


def test_a_kubeconfig_that_is_away_leaves_the_file_as_it_is(
    prod: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBECONFIG", str(prod.parent / "none"))
    assert options(Namespace()).thresholds.failing == 0.2


def test_show_is_of_the_context_that_is_meant(prod: Path, capsys: Capture) -> None:
    assert main(["config", "show", "-o", "json"]) == 0
    found = {one["name"]: one for one in json.loads(capsys.readouterr().out)["settings"]}
    assert (found["read_only"]["value"], found["read_only"]["from"]) == (True, f"{prod}:3 (prod-*)")
    assert main(["config", "show", "--context", "lab", "-o", "json"]) == 0
    found = {one["name"]: one for one in json.loads(capsys.readouterr().out)["settings"]}
    assert (found["read_only"]["value"], found["namespace"]["variable"]) == (False, None)


@pytest.mark.parametrize("form", ["table", "json", "yaml"])
def test_a_contexts_secrets_are_hidden_too(prod: Path, capsys: Capture, form: str) -> None:
    prod.write_text(
        "contexts:\n  a: {prometheus_headers: 'X: s3cret', prometheus_match: b='c',"
        " prometheus: 'http://u:s3cret@h'}\n"
    )
    assert main(["config", "show", "-o", form]) == 0
    out = capsys.readouterr().out
    assert "s3cret" not in out and "(hidden)" in out and "http://h" in out


def test_all_of_a_contexts_habits_are_its_own(prod: Path) -> None:
    prod.write_text(
        "ladder: [10, 100]\nkeys: {logs: L}\ncontexts:\n  prod-*:\n    theme: meshtui-contrast\n"
        "    ladder: 1,2,100\n    fault_for: 2m\n    mirror_for: 1h\n    stable: {reviews: v2}\n"
        "    slow_ms: 300\n    keys:\n      logs: f5\n"
    )
    found = load(None, NO_ENVIRONMENT).in_context("prod-eu")
    config = found.config
    assert (config.theme, config.ladder) == ("meshtui-contrast", (1.0, 2.0, 100.0))
    assert config.usual == {"fault_for": 120.0, "mirror_for": 3600.0}
    assert (config.stable, config.slow_ms) == ({"reviews": "v2"}, 300)
    assert (config.keys["logs"].keys, config.keys["logs"].where) == (("f5",), f"{prod}:12")
    other = load(None, NO_ENVIRONMENT).in_context("lab").config
    assert (other.ladder, other.theme, other.usual["fault_for"]) == ((10.0, 100.0), "", 900.0)
    assert other.keys["logs"].where == f"{prod}:2"
    shell = {"MESHTUI_LADDER": "50,100", "MESHTUI_FAULT_FOR": "none"}
    found = load(None, shell).in_context("prod-eu")
    assert (found.config.ladder, found.config.fault_for) == ((50.0, 100.0), None)
    assert found.sources["ladder"] == "MESHTUI_LADDER"


def test_show_names_keys_that_cannot_be(prod: Path, capsys: Capture) -> None:
    prod.write_text("keys:\n  logs: L\n  sort_latency: f6\n")
    assert main(["config", "show"]) == 0
    assert "{logs: L, sort_latency: f6}" in capsys.readouterr().out
    prod.write_text("keys:\n  logs: p\n")
    assert main(["config", "show"]) == 2
    assert f"{prod}:2: keys: logs: p is proxies already" in capsys.readouterr().err


# What is not given to a verb


@pytest.mark.parametrize(
    ("words", "limit"),
    [
        (["fault", "reviews", "--abort", "503"], 120.0),
        (["fault", "reviews", "--abort", "503", "--for", "15m"], 900.0),
        (["fault", "reviews", "--abort", "503", "--for", "none"], None),
        (["mirror", "reviews", "--to", "v2"], 3600.0),
        (["mirror", "reviews", "--to", "v2", "--for", "none"], None),
    ],
)
def test_a_limit_that_is_not_given_is_the_contexts(
    prod: Path, words: list[str], limit: float | None
) -> None:
    prod.write_text("contexts: {prod-eu: {fault_for: 2m, mirror_for: 1h}}")
    values = values_of(build_parser().parse_args(words))
    assert values["for"] == limit
    request = request_of(words[0], values)
    assert isinstance(request, SetFault | SetMirror) and request.expires_s == limit


def test_a_ladder_that_is_not_given_is_the_contexts(prod: Path) -> None:
    prod.write_text("contexts: {prod-eu: {ladder: [2, 100]}}")
    words = ["canary", "run", "reviews", "--to", "v3"]
    assert _plans(build_parser().parse_args(words))[0].steps == (2.0, 100.0)
    given = build_parser().parse_args([*words, "--steps", "7,100"])
    assert _plans(given)[0].steps == (7.0, 100.0)
    given = build_parser().parse_args([*words, "--context", "lab"])
    assert _plans(given)[0].steps == LADDER


def test_a_plan_of_a_file_climbs_the_contexts_ladder_too(prod: Path, tmp_path: Path) -> None:
    prod.write_text("contexts: {prod-eu: {ladder: [2, 100]}}")
    file = tmp_path / "plan.yaml"
    file.write_text("[{service: a, to: v2}, {service: b, to: v2, steps: [7, 100]}]")
    first, second = _plans(build_parser().parse_args(["canary", "run", "--plan", str(file)]))
    assert (first.steps, second.steps) == ((2.0, 100.0), (7.0, 100.0))


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("MESHTUI_READONLY", "MESHTUI_READ_ONLY"),
        ("MESHTUI_THEMES", "MESHTUI_THEME"),
        ("MESHTUI_PROMETEUS", "MESHTUI_PROMETHEUS"),
        ("MESHTUI_tick_s", "MESHTUI_TICK_S"),
        ("MESHTUI_SERVICE", ""),
        ("MESHTUI_VERSION", ""),
        ("MESHTUI_WEIGHT", ""),
        ("MESHTUI_WAYPOINT", ""),
        ("MESHTUI_", ""),
        ("READONLY", ""),
    ],
)
def test_a_variable_that_is_almost_a_settings_is_named(path: Path, name: str, meant: str) -> None:
    if not meant:
        assert load(path, {name: "x"}).problems == ()
        return
    with pytest.raises(Usage, match=f"{name} is no setting: is it {meant}"):
        load(path, {name: "x"})
    assert len(load(path, {name: "x"}, lenient=True).problems) == 1


# The screen, which starts where it can


@pytest.mark.parametrize(
    ("text", "theme", "words"),
    [
        ("thme: x\ntheme: dusk\n", "dusk", ["unknown key thme"]),
        ("readonly: true\nfailing: 7\ntheme: dusk", "dusk", ["unknown key readonly", "failing is"]),
        ("theme: [", "", ["is not YAML"]),
        ("[]", "", ["expected keys and values"]),
        ("", "", []),
    ],
)
def test_what_is_wrong_is_left_out_and_nothing_may_be_changed_then(
    path: Path, text: str, theme: str, words: list[str]
) -> None:
    path.write_text(text)
    found = options(Namespace(), lenient=True)
    assert [word in one for word, one in zip(words, found.problems, strict=True)] == [True] * len(
        words
    )
    assert (found.config.theme, found.read_only) == (theme, bool(words))
    if words:
        with pytest.raises(Usage):
            options(Namespace())


def test_a_file_that_cannot_be_read_is_such_a_problem(path: Path) -> None:
    path.write_bytes(b"\xff\xfe")
    found = load(None, NO_ENVIRONMENT, lenient=True)
    assert (found.config, found.found) == (Config(), False)
    assert "is not text in UTF-8" in found.problems[0]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"thme: x\n", "config.yaml:1: unknown key thme: is it theme?; read-only"),
        (b"naemspace: x\nfuture: 1\n", "config.yaml:1: unknown key naemspace: is it namespace?; 1"),
        (b"a: [\n", "config.yaml:2: is not YAML"),
        (
            b"contexts:\n  prod:\n    thme: x\n",
            "config.yaml:3: contexts: prod: unknown key thme: is",
        ),
        (b"\xff", "config.yaml:1: is not text in UTF-8"),
    ],
)
def test_the_screen_has_the_words_and_room_for_the_hint(
    path: Path, text: bytes, words: str
) -> None:
    path.write_bytes(text)
    (problem,) = app_of(Namespace())._problems
    assert problem.startswith(words) and len(words) < 77
    assert problem.endswith("; read-only until that is right")


@pytest.mark.parametrize(
    "more", [(), ("--yes",), ("--yes", "--force"), ("--read-only",), ("--context", "prod-eu")]
)
def test_a_load_is_refused_in_production_in_one_line(
    prod: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch, more: tuple[str, ...]
) -> None:
    monkeypatch.setenv("MESHTUI_PRODUCTION", "false")
    prod.write_text("contexts:\n  prod-*: {production: true}\n")
    assert main(["load", "reviews", "--rps", "1", "--for", "1s", *more]) == 4
    shown = capsys.readouterr()
    words = "a load: the configuration marks context prod-eu as production"
    assert words in shown.err and shown.err.count("\n") == 1
    assert shown.out == ""


def test_only_contexts_that_are_marked_are_production(prod: Path) -> None:
    prod.write_text("contexts:\n  prod-*: {production: true}\n")
    assert options(Namespace()).config.production is True
    lab = options(Namespace(context="lab")).config
    refuse_load("lab", production=lab.production, read_only=False)
    with pytest.raises(NotAllowed, match="read-only"):
        refuse_load("lab", production=lab.production, read_only=True)


# What only the screen knows, and how what is set is written


@pytest.mark.parametrize("text", ["theme: meshtui-drak", 'contexts: {"*": {theme: meshtui-drak}}'])
def test_show_names_a_theme_that_is_not_there_with_its_line(
    prod: Path, capsys: Capture, text: str
) -> None:
    prod.write_text(f"tick_s: 1\n{text}\n")
    assert main(["config", "show"]) == 2
    said = capsys.readouterr().err
    assert f"{prod}:2" in said and "there is no theme meshtui-drak: did you mean meshtui-d" in said


def test_a_person_may_have_themes_of_their_own(path: Path, capsys: Capture) -> None:
    path.write_text("theme: mine\n")
    (path.parent / "themes").mkdir()
    shipped = (shipped_themes() / "meshtui-light.yaml").read_text()
    mine = path.parent / "themes" / "mine.yaml"
    mine.write_text(shipped.replace("name: meshtui-light", "name: mine"))
    assert main(["config", "show"]) == 0
    mine.write_text("name: mine\nprimary: pinkish\n")
    assert main(["config", "show"]) == 2
    assert "theme mine.yaml left out: " in capsys.readouterr().err


def test_show_writes_times_as_the_file_takes_them(path: Path, capsys: Capture) -> None:
    path.write_text("mirror_for: 90s\ncontexts: {a: {fault_for: 2h, mirror_for: none}}\n")
    assert main(["config", "show"]) == 0
    rows = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    assert rows["fault_for"].startswith("15m ") and rows["mirror_for"].startswith("1m30s ")
    assert rows["contexts"].startswith("{a: {fault_for: 2h, mirror_for: none}}")


WRONG = {
    "a key of a newer version": "colour_scheme: 7\nread_only: false\n",
    "a wrong value": "tick_s: soon\n",
    "no YAML": "theme: [\n",
    "no keys": "- a\n- b\n",
    "no text": "\x00\x01",
}


@pytest.mark.parametrize("text", WRONG.values(), ids=WRONG.keys())
def test_who_reads_goes_on_without_what_is_wrong_and_nobody_writes(text: str, path: Path) -> None:
    path.write_text(text)
    for verb in VERBS:
        found = Namespace(command=verb.name, output="table")
        if verb.name in READS:
            assert options(found).problems and options(found).read_only
            found.output = "json"
        with pytest.raises(Usage, match=r"config\.yaml"):
            options(found)


def test_what_is_left_out_is_one_line(path: Path, capsys: Capture) -> None:
    path.write_text("thme: a\ntick_s: soon\n")
    note_left_out(options(Namespace(command="logs")))
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"meshtui: {path}:1: unknown key thme: is it theme?; 1 more")
    assert line.endswith("; 1 more: read without that")


def test_commands_that_read_are_no_changes() -> None:
    assert {verb.name for verb in VERBS if verb.group in (CHANGES, CANARY)}.isdisjoint(READS)
    assert {verb.name for verb in VERBS} >= READS

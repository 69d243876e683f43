"""The table of verbs: one grammar, whoever types, on the command line, after `:` or in a form."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from collections.abc import Callable
from typing import Any

import pytest

from meshtui.changes.requests import request_of
from meshtui.cli.parser import build_parser
from meshtui.errors import Usage
from meshtui.ui.dialogs.forms import request_from
from meshtui.ui.main.commands import parse_command
from meshtui.verbs import BY_NAME, VERBS, Verb, named_after_colon
from meshtui.verbs.everywhere import SCREEN_EXAMPLES
from meshtui.verbs.line_values import parse_words
from meshtui.verbs.man import man_page
from meshtui.verbs.text import line_usage, markdown, short_usage, usage
from meshtui.verbs.values import header, percent, settled

VALUES = {
    "percent": ("0", "100", "50%", "0.5", "101", "-1", "150%", "half", "", "nan", "1e9"),
    "delay": ("3s", "200ms", "1h30m", "0s", "3", "-3s", "soon", "3 s", "1e3s"),
    "abort": (
        "503",
        "200",
        "599",
        "14",
        "UNAVAILABLE",
        "unavailable",
        "CANCELED",
        "0",
        "99",
        "199",
        "600",
        "OK",
        "٥٠٣",
        "5xx",
    ),
    "header": (
        *("x-chaos=true", "x=", "x=a=b", "a:b=c", "=v", "x", "x y=1", "é=1", "X_1=ü"),
        *("x-chaos: 1", "x: a=b", ": v", "x y: 1", "x:"),
    ),
    "for": ("15m", "0", "0s", "none", "off", "NONE", "soon", "-1s", "3"),
    "retries": ("0", "3", "-1", "3.5", "99999999999", "x", "2147483647"),
    "max_connections": ("100", "1", "1e3", "x", "2147483648"),
    "interval": ("10s", "1m30s", "10", "0s"),
}
VERB_OF = {
    "percent": "mirror",
    "delay": "fault",
    "abort": "fault",
    "header": "fault",
    "for": "fault",
    "retries": "timeout",
    "max_connections": "breaker",
    "interval": "breaker",
}
BESIDE = {"percent": ("to", "v2"), "header": ("delay", "3s"), "for": ("delay", "3s")}
CASES = [(name, text) for name, texts in VALUES.items() for text in texts]


def on_the_command_line(verb: Verb, texts: dict[str, str]) -> Any:
    options = [f"--{name.replace('_', '-')}={text}" for name, text in texts.items()]
    parser = build_parser()
    arguments = parser.parse_args([verb.name, "reviews", *options])
    return request_of(verb.name, settled(vars(arguments)))


def after_the_colon(verb: Verb, texts: dict[str, str]) -> Any:
    words = [word for name, text in texts.items() for word in (name.replace("_", "-"), text)]
    return request_of(verb.name, settled(parse_words(verb, words)))


def in_a_form(verb: Verb, texts: dict[str, str]) -> Any:
    return request_from(verb, texts)


def answer(
    way: Callable[[Verb, dict[str, str]], Any],
    verb: Verb,
    texts: dict[str, str],
    capsys: pytest.CaptureFixture[str],
) -> Any:
    """The request, or the line that refuses it."""
    try:
        return way(verb, texts)
    except Usage as error:
        return error.what
    except SystemExit:
        return capsys.readouterr().err


@pytest.mark.parametrize(("name", "text"), CASES)
def test_a_value_is_taken_or_refused_alike_with_the_same_words(
    name: str, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    verb = BY_NAME[VERB_OF[name]]
    beside = dict([BESIDE[name]]) if name in BESIDE else {}
    texts = {**beside, name: text}
    colon = answer(after_the_colon, verb, texts, capsys)
    command = answer(on_the_command_line, verb, texts, capsys)
    if isinstance(colon, str):
        assert colon in command
    else:
        assert command == colon
    if text:
        assert answer(in_a_form, verb, texts, capsys) == colon


def test_there_are_at_least_sixty_values() -> None:
    assert len(CASES) >= 60


@pytest.mark.parametrize(
    ("words", "weights"),
    [
        ("v1=80 v3=20", {"v1": 80, "v3": 20}),
        ("v1=3 v2=2", {"v1": 3, "v2": 2}),
        ("v1=150 v2=50", {"v1": 150, "v2": 50}),
        ("v1=12.5%", {"v1": 12.5}),
    ],
)
def test_weights_are_ratios_everywhere(words: str, weights: dict[str, float]) -> None:
    verb = BY_NAME["shift"]
    line = request_of("shift", parse_words(verb, words.split()))
    command = build_parser().parse_args(["shift", "reviews", *words.split()])
    assert line == request_of("shift", vars(command))
    assert line.weights == weights  # type: ignore[union-attr]


@pytest.mark.parametrize("text", ["0", "none", "off", "0s"])
def test_no_limit_is_said_alike(text: str) -> None:
    request = request_of("fault", parse_words(BY_NAME["fault"], ["delay", "3s", "for", text]))
    assert request.expires_s is None  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("words", "same"),
    [
        (
            "fault delay 3s 50% abort 503 10",
            "fault delay 3s delay-percent 50 abort 503 --abort-percent=10",
        ),
        ("mirror v2 50% for 2h", "mirror to v2 percent 50 for 2h"),
        ("timeout 10s retries 3 on 5xx", "timeout duration 10s retries 3 retry-on 5xx"),
        ("rollback v1", "rollback --to v1"),
        ("fault off header a=b", "fault --off header a=b"),
    ],
)  # fmt: skip
def test_short_forms_mean_the_long_ones(words: str, same: str) -> None:
    assert parse_command(words) == parse_command(same)


@pytest.mark.parametrize(
    "words",
    [
        "mirror v2 to v3",
        "fault delay 3s delay 4s",
        "mirror v2 50 60",
        "fault wat",
        "shift",
        "timeout",
        "promote",
        "fault --nope=3",
        "undo a b",
        "timeout 10s off",
    ],
)
def test_wrong_words_are_refused_in_one_line(words: str) -> None:
    name, *rest = words.split()
    with pytest.raises(Usage) as error:
        request_of(name, parse_words(BY_NAME[name], rest))
    assert "\n" not in str(error.value)


def test_every_example_is_read_by_the_grammar() -> None:
    """Of the command line; after `:` too, but for what only the command line takes."""
    for verb in VERBS:
        for example in verb.examples:
            words = shlex.split(re.split(r"[|>] ", example.words)[0])  # up to the shell's own
            if verb.command:
                service = ["reviews"] if verb.needs == "service" else []
                build_parser().parse_args([*verb.name.split(), *service, *words])
            if verb.line and not verb.own_words and not {"--dry-run", "-n"} & {*words}:
                parse_words(verb, words)


def test_names_and_parameters_are_unique() -> None:
    assert len({verb.name for verb in VERBS}) == len(VERBS)
    for verb in VERBS:
        names = [name for p in verb.parameters for name in p.names]
        assert len(set(names)) == len(names)
        assert all(p.help for p in verb.parameters)


def test_verbs_after_the_colon_are_found_by_name() -> None:
    assert named_after_colon("shift") is BY_NAME["shift"]
    assert named_after_colon("demo") is None
    assert "max-connections N" in line_usage(BY_NAME["breaker"])
    assert usage(BY_NAME["undo"]) == "undo [CHANGE]"
    assert markdown().count("\n") > 20


def test_what_an_example_names_is_in_the_demo() -> None:
    lines = [line for verb in VERBS if verb.command for line, _ in verb.lines]
    assert {one[1] for line in lines for one in re.findall(r"( -n )(\S+)", line)} <= {"default"}
    assert not [line for line in lines if "--context" in line or "/.local" in line]


def test_no_example_asks_for_more_tries_than_its_time_has_room_for() -> None:
    for example in BY_NAME["timeout"].examples:
        found = re.match(r"(\d+)s --retries (\d) --per-try (\d)s", example.words)
        assert not found or (int(found[2]) + 1) * int(found[3]) <= int(found[1])


def test_a_default_is_told_from_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        build_parser().parse_args(["logs", "--help"])
    help_text = " ".join(capsys.readouterr().out.split())
    assert "--tail N lines of each pod (default 200)" in help_text
    assert "--since 15m not older than this (no default)" in help_text
    for verb in VERBS:
        for one in verb.parameters if verb.command else ():
            value = one.kind and not one.positional and not one.required and not one.choices
            if value and any(map(str.isdigit, one.shown)):
                assert one.told.endswith(")") and "default" in one.told, (verb.name, one.name)


def test_the_help_of_the_program_has_examples_too(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        build_parser(["--help"]).parse_args(["--help"])
    said = capsys.readouterr().out
    for line, does in SCREEN_EXAMPLES:
        assert f"  {line}\n      {does}\n" in said
        build_parser().parse_args(line.split()[1:])


def test_every_command_has_two_examples_that_differ() -> None:
    for verb in VERBS:
        if verb.command:
            assert len({example.words for example in verb.examples}) >= 2, verb.name


def test_the_manual_page_has_every_command_option_and_example() -> None:
    page = man_page("1.0").replace("\\-", "-")
    assert page.startswith('.TH MESHTUI 1 "" "meshtui 1.0"')
    for verb in VERBS:
        assert not verb.command or f'.SS "{verb.name}' in page
        for parameter in verb.parameters if verb.command else ():
            assert parameter.positional or f"--{parameter.name}" in page
    assert all(line.startswith((".", "\\&")) or line[:1] not in ".'" for line in page.splitlines())


@pytest.mark.skipif(not shutil.which("groff"), reason="no groff here")
def test_man_has_nothing_to_say_against_the_page() -> None:
    ran = subprocess.run(
        ["groff", "-man", "-Tutf8", "-ww"],
        input=man_page("1.0"), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (ran.returncode, ran.stderr) == (0, "")
    assert "a terminal cockpit for a live Istio mesh" in ran.stdout


def test_a_flag_without_a_value_is_written_without_one() -> None:
    assert line_usage(BY_NAME["rollback"]) == "rollback [V] [everywhere]"


def test_a_time_where_a_percentage_belongs_says_how_it_is_written() -> None:
    with pytest.raises(Usage, match="a time limit is `for 2h`"):
        percent("2h")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["shfit"], "there is no shfit: is it shift?"),
        (["lab", "upp"], "there is no upp: is it up?"),
        (["proxy", "routs", "x"], "there is no routs: is it routes?"),
        (["xyzzy"], "there is no xyzzy: there are services, logs,"),
        (["--contxt", "x", "services"], "there is no --contxt: is it --context?"),
        (["services", "--contxt", "x"], "there is no --contxt: is it --context?"),
        (["lab", "set", "reviews-v3", "--erors", "5%"], "there is no --erors: is it --errors?"),
        (["logs", "reviews", "--tmplate=x"], "there is no --tmplate: is it --template?"),
        (["--snapshott=x.svg"], "there is no --snapshott: is it --snapshot?"),
        (["services", "--qqq"], "there is no --qqq (see"),
    ],
)
def test_the_nearest_of_the_words_there_are_is_named(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as raised:
        build_parser(words).parse_args(words)
    assert raised.value.code == 2 and said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("x-chaos=1", ("x-chaos", "1")),
        ("x-chaos: 1", ("x-chaos", "1")),
        ("x-chaos:1", ("x-chaos", "1")),
        ("x=a: b", ("x", "a: b")),
        ("x: a=b", ("x", "a=b")),
        ("x= 1", ("x", " 1")),
    ],
)
def test_a_header_is_taken_as_curl_takes_it_too(text: str, read: tuple[str, str]) -> None:
    assert header(text) == read


@pytest.mark.parametrize("verb", [v for v in VERBS if v.command], ids=lambda one: one.name)
def test_the_help_begins_with_what_has_to_be_given(
    verb: Verb, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [*verb.name.split(), "--help"]
    with pytest.raises(SystemExit):
        build_parser(words).parse_args(words)
    first, blank, sentence, *_ = capsys.readouterr().out.splitlines()
    assert first == f"usage: meshtui {short_usage(verb)}" and len(first) <= 100
    assert not blank and sentence == verb.sentence and ". " not in sentence
    required = [one for one in verb.parameters if one.required]
    assert all(f"--{one.name} " in first for one in required if not one.positional)

"""What is typed by who knows another tool, and what is typed nearly, is answered in one line."""

from __future__ import annotations

import re
import shlex

import pytest

from meshtui.cli.parser import build_parser
from meshtui.errors import Exit
from meshtui.verbs import BY_NAME, VERBS
from meshtui.verbs.habits import HABITS, OPTIONS, typed_habit

Capture = pytest.CaptureFixture[str]


def said(line: str, capsys: Capture) -> str:
    """The one line that is answered; the status is that of wrong usage."""
    words = shlex.split(line)
    with pytest.raises(SystemExit) as ended:
        build_parser(words).parse_args(words)
    written = capsys.readouterr()
    assert ended.value.code == Exit.USAGE and not written.out
    assert written.err.count("\n") == 1 and len(written.err) < 340
    return written.err


@pytest.mark.parametrize(
    ("line", "here"),
    [
        ("get pods", "there is no get pods: `meshtui pods`"),
        ("get po -o wide -n default", "`meshtui pods`"),
        ("-n default get vs reviews", "`meshtui edit vs/reviews`"),
        ("get", "`meshtui services`"),
        ("get nodes", "`meshtui services`"),
        ("describe svc reviews", "`meshtui signals reviews`"),
        ("describe service/reviews", "`meshtui signals reviews`"),
        ("describe svc $(id)", "`meshtui signals NAME`"),
        ("rollout undo deploy/reviews-v1", "`meshtui undo`, or `meshtui rollback SERVICE`"),
        ("rollout status deploy/reviews-v1", "`meshtui canary status`"),
        ("apply -f rules.yaml", "`meshtui edit vs/NAME`"),
        ("delete vs reviews", "kubectl does that"),
        ("exec -it reviews-v1 -- curl x", "`meshtui request SERVICE"),
        ("scale deploy/x --replicas=3", "kubectl does that"),
        ("top pods", "`meshtui services`"),
        ("proxy-status", "`meshtui status`"),
        ("ps", "`meshtui status`"),
        ("proxy-config routes reviews-v1-5f", "`meshtui proxy routes reviews-v1-5f`"),
        ("pc ep deploy/reviews-v1", "`meshtui proxy endpoints reviews-v1`"),
        ("x describe pod reviews-v1", "`meshtui signals SERVICE`"),
        ("experimental authz check x", "`meshtui exposure SERVICE`"),
        ("config get-contexts", "`--context NAME`"),
        ("config use-context rig", "`meshtui --context rig`"),
        ("canary start reviews", "`meshtui canary run SERVICE --to V`"),
        ("vs", "`meshtui trace SERVICE`"),
        ("svc", "`meshtui services`"),
        ("ctx", "`meshtui --context NAME`"),
        ("version", "`meshtui --version`"),
        ("help shift", "`meshtui COMMAND --help`"),
    ],
)
def test_a_habit_is_answered_with_what_to_type(line: str, here: str, capsys: Capture) -> None:
    assert here in said(line, capsys)


@pytest.mark.parametrize(
    ("line", "here"),
    [
        ("services --watch", "there is no --watch: the screen follows"),
        ("pods -w", "there is no -w: the screen follows"),
        ("logs -l app=reviews", "there is no -l: services are named"),
        ("logs reviews -c istio-proxy", "`--container NAME`"),
        ("services --json", "`-o json`"),
        ("logs reviews --no-follow", "without -f"),
        ("logs reviews -e GET", "`--filter '!~RE'`"),
        ("pods -o wide", "there is no --output wide: there are table, json, yaml (see"),
        ("pods -o jsn", "there is no --output jsn: is it json?"),
        ("proxy routes x --direction in", "there is no --direction in: there are inbound, outb"),
        ("proxy routes x --direction inb", "is it inbound? (see `meshtui proxy --help`)"),
        ("mirror reviews v3", "is it --to v3? (see `meshtui mirror --help`)"),
        ("rollback reviews v1", "is it --to v1?"),
        ("canary run reviews v3", "is it --to v3? (see `meshtui canary run --help`)"),
        ("logs reviews v1", "is it --version v1?"),
        ("fault reviews 503", "is it --abort 503?"),
        ("fault reviews 3s", "is it --delay 3s?"),
        ("trace reviews /x", "is it --path /x?"),
        ("services reviews default", "one word too many: `meshtui services [SERVICE] [OPTION …]`"),
        ("edit vs reviews", "`meshtui edit vs/reviews`"),
        ("canary reviews", "`meshtui canary run reviews`"),
        ("proxy reviews", "`meshtui proxy routes reviews`"),
        ("proxy cluster reviews", "is it clusters? (see"),
    ],
)
def test_a_word_at_the_wrong_place_is_shown_the_right_one(
    line: str, here: str, capsys: Capture
) -> None:
    assert here in said(line, capsys)


def test_each_line_that_is_answered_can_be_typed() -> None:
    """Its command is one, and its options are that command's."""
    for here in (*HABITS.values(), *OPTIONS.values()):
        for line in re.findall(r"`meshtui ?([^`]*)`", here):
            words = line.replace("COMMAND", "shift").split()
            names = [word for word in words if word.islower() and not word.startswith("-")]
            names_of = (one for one in BY_NAME if " ".join(names).startswith(one))
            name = max(names_of, key=len, default="")
            assert name or all(word.startswith("-") or word.isupper() for word in words), line
            options = {f"--{one.name}" for one in (BY_NAME[name].parameters if name else ())}
            given = {word for word in words if word.startswith("--")}
            assert given <= options | {"--off", "--help", "--version", "--check", "--context"}, line


def test_no_habit_stands_where_the_grammar_has_a_command() -> None:
    """It would never be asked."""
    commands = {verb.name for verb in VERBS if verb.command}
    for habit in HABITS:
        alternatives = [words.split("|") for words in habit.split()]
        for first in alternatives[0]:
            if len(alternatives) == 1 or first not in ("canary", "config"):
                assert first not in {name.partition(" ")[0] for name in commands}, habit
            else:
                assert not {f"{first} {one}" for one in alternatives[1]} & commands


def test_the_longest_habit_is_meant_and_other_words_are_nobodys() -> None:
    assert "`meshtui pods`" in typed_habit(["get", "pods"])
    assert typed_habit(["xyzzy"]) == typed_habit([]) == typed_habit(["/"]) == ""


SERVICE_FIRST = [verb.name for verb in VERBS if verb.command and verb.needs == "service"]


@pytest.mark.parametrize("name", [*SERVICE_FIRST, "services", "pods", "status", "canary status"])
def test_a_service_may_stand_behind_its_kind(name: str, capsys: Capture) -> None:
    more = {"shift": ["v1=5"], "promote": ["v1"], "load": ["--rps", "1", "--for", "1s"]}
    for typed in ("svc/reviews", "service/reviews", "reviews"):
        words = [*name.split(), typed, *more.get(name, [])]
        assert build_parser(words).parse_args(words).service == "reviews"
    line = " ".join([name, "deploy/reviews-v1", *more.get(name, [])])
    assert "'deploy/reviews-v1' is no service: write NAME" in said(line, capsys)

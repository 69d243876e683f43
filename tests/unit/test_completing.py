"""What may stand at the end of a command line that is being typed."""

from __future__ import annotations

import pytest

from meshtui.verbs import VERBS
from meshtui.verbs.completing import FILES, MOST, Known, candidates, split_line, wanted

KNOWN = Known(
    "default",
    {
        ("default", "ratings"): ("v1",),
        ("default", "reviews"): ("v1", "v2", "v3"),
        ("prod", "web"): ("blue", "green"),
    },
    {
        ("default", "reviews-v1-5f6d-abcde"): "reviews-v1",
        ("prod", "web-77aa-fghij"): "web",
    },
    ("east", "west"),
)


def offered(line: str, known: Known = KNOWN) -> list[str]:
    return [word for word, _ in candidates(wanted(split_line(line)), known)]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        # commands
        ("stat", ["status"]),
        ("sh", ["shift"]),
        ("canary ", ["run", "status", "hold", "resume", "abort", "promote"]),
        ("canary ru", ["run"]),
        ("lab ", ["up", "set", "load"]),
        ("-n prod serv", ["services"]),
        ("nosuch ", []),
        # choices
        ("services -o ", ["table", "json", "yaml"]),
        ("services --output=j", ["--output=json"]),
        ("proxy l", ["listeners"]),
        ("--prometheus ", ["auto", "none"]),
        ("completion ", ["bash", "zsh", "fish"]),
        # services: of the namespace, else of any
        ("services ", ["ratings", "reviews"]),
        ("services re", ["reviews"]),
        ("services we", ["web.prod"]),
        ("services -n prod ", ["web"]),
        ("services --namespace=prod ", ["web"]),
        ("services -A ", ["ratings.default", "reviews.default", "web.prod"]),
        ("services reviews.d", ["reviews.default"]),
        ("shift ", ["ratings", "reviews"]),
        ("canary hold ra", ["ratings"]),
        ("proxy diff ", ["ratings", "reviews"]),
        # versions of the service that stands before them
        ("promote reviews ", ["v1", "v2", "v3"]),
        ("promote web.prod b", ["blue"]),
        ("promote web -n prod g", ["green"]),
        ("rollback reviews --to ", ["v1", "v2", "v3"]),
        ("rollback reviews --to=v2", ["--to=v2"]),
        ("shift reviews ", ["v1=", "v2=", "v3="]),
        ("shift reviews v1=80 v3", ["v3="]),
        ("shift reviews v1=", []),
        ("logs reviews --version v3", ["v3"]),
        ("promote nobody ", []),
        # pods and workloads
        ("proxy routes ", ["reviews-v1", "reviews-v1-5f6d-abcde"]),
        ("proxy routes web", ["web.prod", "web-77aa-fghij.prod"]),
        ("request reviews --from rev", ["reviews-v1"]),
        # namespaces and contexts
        ("services -n ", ["default", "prod"]),
        ("--context e", ["east"]),
        ("services --context=w", ["--context=west"]),
        # what is not to be known
        ("logs reviews --tail ", []),
        ("undo ", []),
    ],
)
def test_what_is_offered(line: str, words: list[str]) -> None:
    assert offered(line) == words


@pytest.mark.parametrize("line", ["--kubeconfig ", "canary run --plan ", "lab up --dir=/tm"])
def test_files_are_the_shells_business(line: str) -> None:
    assert wanted(split_line(line)).kind == FILES


def test_options_are_those_of_the_command_that_were_not_given_yet() -> None:
    found = offered("fault reviews --abort 503 --")
    assert {"--delay", "--dry-run", "--off", "--namespace", "--help"} <= {*found}
    assert "--abort" not in found
    assert "--header" in offered("trace reviews --header a=b --h")
    assert "--kubeconfig" not in offered("lab up --")
    assert "--ascii" in offered("--")


def test_every_command_and_option_of_the_table_can_be_completed() -> None:
    for verb in VERBS:
        if not verb.command:
            continue
        assert verb.name.rpartition(" ")[2] in offered(verb.name)
        for parameter in verb.parameters:
            if not parameter.positional:
                assert f"--{parameter.name}" in offered(f"{verb.name} --{parameter.name}")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("", [""]),
        ("a b", ["a", "b"]),
        ("a b ", ["a", "b", ""]),
        ("a 'b c", ["a", "b c"]),
        ('a "b c" d', ["a", "b c", "d"]),
        ("a # b", ["a", "#", "b"]),
    ],
)
def test_a_line_falls_into_words_as_a_shell_has_them(line: str, words: list[str]) -> None:
    assert split_line(line) == words


def test_a_name_that_a_shell_would_take_apart_is_not_offered() -> None:
    evil = ("a;rm", "$(x)", "a b", "-x", "a\nb", "é", "good")
    known = Known("default", {("default", name): () for name in evil})
    assert offered("services ", known) == ["good"]


def test_no_more_are_offered_than_a_person_can_look_at() -> None:
    known = Known("default", {("default", f"s{n}"): () for n in range(MOST + 50)})
    assert len(offered("services ", known)) == MOST

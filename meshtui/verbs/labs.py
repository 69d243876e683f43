"""The verbs of the lab: a small real mesh on this machine."""

from __future__ import annotations

from meshtui.verbs.values import COUNT, FREE, RATE, TEXT
from meshtui.verbs.values import FOLDER as FOLDER_KIND
from meshtui.verbs.verb import LAB, Example, Parameter, Verb

SCENARIO = Parameter("scenario", "what is wrong in it", TEXT, "errors", "errors", "errors")
FOLDER = Parameter("dir", "the lab's folder", FOLDER_KIND, "D")
RPS = Parameter("rps", "requests per second", RATE, "40", 40.0, "40")

DEMO = Verb(
    "demo",
    "a small real mesh on this machine, and the screen on it",
    (SCENARIO,),
    LAB,
    examples=(
        Example("", "Bookinfo behind seven Envoys; version v3 of reviews fails."),
        Example("--ascii", "The same without signs beyond ASCII."),
    ),
)
SYNTHETIC = Parameter(
    "synthetic",
    "so many services without proxies in place of Bookinfo, each with `--rps` on average",
    COUNT,
    "1000",
)

UP = Verb(
    "lab up",
    "run a lab until ^C; prints its kubeconfig",
    (SCENARIO, RPS, SYNTHETIC, FOLDER),
    LAB,
    examples=(
        Example("--dir /tmp/lab", "With its kubeconfig in a folder of your choice."),
        Example("--synthetic 1000", "A thousand services on 9,000 pods, to see how that is."),
    ),
)
SET = Verb(
    "lab set",
    "make a workload fail or slow it down",
    (
        Parameter("workload", "which workload", TEXT, "WORKLOAD", positional=True),
        Parameter("errors", "share of its answers", FREE, "5%"),
        Parameter("latency", "added to its answers", FREE, "200ms"),
        FOLDER,
    ),
    LAB,
    examples=(
        Example("reviews-v3 --errors 30%", "Three of ten answers fail."),
        Example("reviews-v3 --errors 0% --latency 200ms", "None fails, all are slow."),
    ),
)
LOAD = Verb(
    "lab load",
    "change how many requests are sent",
    (Parameter("rps", "requests per second", RATE, "N", required=True), FOLDER),
    LAB,
    examples=(
        Example("--rps 100", "A hundred requests per second."),
        Example("--rps 0.5 --dir /tmp/lab", "One in two seconds, in another lab."),
    ),
)

VERBS = (DEMO, UP, SET, LOAD)

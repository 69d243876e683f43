"""The verbs of the canary autopilot. Their values are read as a plan's: `canary/plan.py`."""

from __future__ import annotations

from dataclasses import replace

from meshtui.verbs.values import DURATION, FREE, TEXT
from meshtui.verbs.verb import CANARY, Example, Parameter, Verb

SERVICE = Parameter("service", "which one", TEXT, "SERVICE", "", positional=True, optional=True)
FORCE = Parameter("force", "accept what is dangerous too", None, default=False)
TIMEOUT = Parameter("timeout", "how long to wait for the proxies", DURATION, "10s", 10.0, "10s")

PLAN = (
    Parameter("to", "the canary: the version that climbs", FREE, "V", ""),
    Parameter("steps", "percent, step by step", FREE, "5,50", None, "5,10,25,50,75,100"),
    Parameter("every", "how long each step is observed", FREE, "5m", None, "5m"),
    Parameter("interval", "time between two counts, at most a step's", FREE, "5s", None, "5s"),
    Parameter("max-errors", "errors that it may have", FREE, "1%", None, "1%"),
    Parameter("max-p99", "99 % of its requests keep this time", FREE, "500ms", None, "500ms"),
    Parameter("min-requests", "requests that a step needs", FREE, "N", None, "100"),
    Parameter("evidence", "rolled back at; N: one false alarm in N runs", FREE, "N", None, "100"),
    Parameter("shadow", "copies only, for so long, before the first step", FREE, "10m"),
    Parameter("pause-at", "ask a person before these steps", FREE, "50"),
    Parameter("gate", "a command before each step; exit status 0 goes on", FREE, "CMD"),
    Parameter("gate-timeout", "how long it may take", FREE, "60s", None, "60s"),
    Parameter(
        "on-fail", "when it fails", FREE, default_text="rollback", choices=("rollback", "hold")
    ),
    Parameter(
        "on-no-data",
        "when there are too few requests for twice a step's time",
        FREE,
        default_text="hold",
        choices=("hold", "rollback", "continue"),
    ),
    Parameter(
        "on-interrupt",
        "at SIGTERM or ^C",
        FREE,
        default_text="hold",
        choices=("hold", "rollback"),
    ),
)
"""The keys of a plan, which are a file's too."""

RUN = Verb(
    "canary run",
    "shift step by step, judge, and roll back what is worse",
    (
        replace(SERVICE, place=1),
        *PLAN,
        Parameter("restart-on-new-build", "begin again with another build", None, default=False),
        Parameter("plan", "a YAML file with these, or a list of plans", FREE, "FILE", ""),
        Parameter("resume", "go on with what is unfinished, if it is", None, default=False),
        Parameter("dry-run", "plan and judge what is there, write nothing", None, default=False),
        Parameter("yes", "ask no question; what is dangerous is refused", None, default=False),
        FORCE,
        TIMEOUT,
    ),
    group=CANARY,
    rule=True,
    examples=(
        Example("reviews --to v3", "5, 10, 25, 50, 75, 100 %, five minutes each."),
        Example(
            "reviews --to v3 --shadow 10m --pause-at 50 --yes",
            "Copies first; a person says `canary resume` before half of the traffic.",
        ),
        Example("--plan rollout.yaml --yes", "Several services side by side."),
    ),
)
STATUS = Verb(
    "canary status",
    "where a canary is, and who drives it",
    (SERVICE,),
    group=CANARY,
    examples=(
        Example("reviews -o json", "The ladder, the counts, the evidence, as JSON."),
        Example("", "Every canary of this cluster."),
    ),
)
HOLD = Verb(
    "canary hold",
    "keep a canary at its step",
    (),
    group=CANARY,
    needs="service",
    examples=(
        Example("", "Until `canary resume`; where it fails meanwhile, that is said."),
        Example("-n default", "Of another namespace's service."),
    ),
)
RESUME = Verb(
    "canary resume",
    "continue after a hold, a step that asks, or a process that died",
    (TIMEOUT,),
    group=CANARY,
    needs="service",
    examples=(
        Example("", "With the same ladder, counts and evidence."),
        Example("--timeout 30s", "With more patience for the proxies."),
    ),
)
ABORT = Verb(
    "canary abort",
    "stop the canary: all traffic back to stable",
    (FORCE, TIMEOUT),
    group=CANARY,
    needs="service",
    examples=(
        Example("", "At once, from every step."),
        Example("--force", "Also where stable has no ready pod."),
    ),
)
PROMOTE = Verb(
    "canary promote",
    "skip to the last step",
    (TIMEOUT,),
    group=CANARY,
    needs="service",
    examples=(
        Example("", "It is still observed there."),
        Example("--timeout 30s", "With more patience for the proxies."),
    ),
)

VERBS = (RUN, STATUS, HOLD, RESUME, ABORT, PROMOTE)

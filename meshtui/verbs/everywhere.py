"""The options of every command that speaks with a cluster."""

from __future__ import annotations

from meshtui.verbs.values import FREE, TEXT
from meshtui.verbs.verb import Parameter

SCREEN_ONLY = (
    Parameter("ascii", "no signs and lines beyond ASCII", None),
    Parameter("mouse", "click and scroll with the mouse, which then selects no text", None),
)
"""Options of the screen, on a cluster or on the demo's."""

WITHOUT_COMMAND = (
    Parameter("check", "no screen: one line for each thing that is wrong, then exit", None),
    Parameter("snapshot", "no screen: one frame of it into a file", FREE, "FILE.svg|FILE.txt"),
    Parameter("size", "of that frame, in cells", FREE, "WxH", default_text="160x48"),
)
"""What `meshtui` without a command can do in place of opening the screen."""

SCREEN_EXAMPLES = (
    ("meshtui demo", "A small real mesh on this machine, and the screen on it."),
    ("meshtui --read-only -n default", "The screen on the services of a namespace; no writes."),
    ("meshtui --check", "A line for each thing that is wrong."),
)

EVERYWHERE = (
    Parameter("kubeconfig", "another kubeconfig", FREE, "FILE"),
    Parameter(
        "context", "a context of the kubeconfig; several (east,west) or a group: all", FREE, "NAME"
    ),
    Parameter("namespace", "the services of this namespace", FREE, "NS", short="n"),
    Parameter("all-namespaces", "the services of all namespaces", None, short="A"),
    Parameter(
        "prometheus",
        "where golden signals come from",
        TEXT,
        "URL|auto|none",
        default_text="auto",
    ),
    Parameter(
        "prometheus-match",
        "only these series, as one Prometheus may have several clusters'; repeatable",
        TEXT,
        "'cluster=\"east\"'",
        many=True,
    ),
    Parameter(
        "prometheus-header",
        "sent with every query; @FILE: those of a file, one a line; repeatable",
        TEXT,
        "'X-Scope-OrgID: a'",
        many=True,
    ),
    Parameter("prometheus-token-file", "a file with a bearer token", TEXT, "FILE"),
    Parameter("prometheus-basic-file", "a file with user:password", TEXT, "FILE"),
    Parameter("read-only", "refuse every write", None),
    Parameter(
        "output",
        "how it is printed",
        choices=("table", "json", "yaml"),
        short="o",
        default_text="table",
    ),
    Parameter("rule", "which rule of the VirtualService", FREE, "NAME|INDEX"),
)

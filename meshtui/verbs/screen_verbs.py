"""The verbs that only the screen has."""

from __future__ import annotations

from meshtui.mesh.sides import SIDES
from meshtui.verbs.values import FREE
from meshtui.verbs.verb import SCREEN, Example, Parameter, Verb

SORTS = (
    *("worst", "name", "weight", "share", "traffic", "errors"),
    *("p50", "p95", "p99", "latency", "pods"),
)


def _one(
    name: str, text: str, *, choices: tuple[str, ...] = (), optional: bool = True
) -> Parameter:
    default = "" if optional else None
    return Parameter(
        name,
        text,
        FREE,
        default=default,
        choices=choices,
        positional=True,
        optional=optional,
        place=1,
    )


def _screen(name: str, sentence: str, parameter: Parameter, *examples: Example) -> Verb:
    return Verb(name, sentence, (parameter,), SCREEN, line=True, command=False, examples=examples)


SORT = _screen(
    "sort",
    f"order the services by {', '.join(SORTS)}",
    _one("by", "a column; again turns it round", choices=SORTS, optional=False),
    Example("errors", "By error ratio."),
    Example("share", "What is farthest from its weight first."),
)
VIEW = _screen(
    "view",
    "the table's numbers: what callers saw, or what the versions did themselves",
    _one("side", "a side", choices=tuple(SIDES)),
    Example("server", "What the versions did themselves."),
)
THEME = _screen(
    "theme", "another theme", _one("name", "a theme; without a name: a list, each of them shown")
)
NAMESPACE = _screen(
    "ns",
    "only the services of a namespace",
    _one("namespace", "a namespace, or all; without: a list"),
    Example("all", "The services of all namespaces."),
)
CONTEXT = _screen(
    "ctx",
    "another context of the kubeconfig",
    _one("context", "a context; without a name: a list"),
)
FILTER = Verb(
    "filter",
    "as after /",
    (Parameter("text", "the filter", FREE, default="", positional=True, optional=True),),
    SCREEN,
    line=True,
    command=False,
    own_words=True,
)

VERBS = (SORT, VIEW, THEME, NAMESPACE, CONTEXT, FILTER)

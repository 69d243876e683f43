"""The `:` command line: words to a command, or one line that says what is wrong."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from meshtui.changes.change import Promote, Request, Rollback
from meshtui.errors import Usage
from meshtui.mesh.sides import SIDES
from meshtui.ui.actions.registry import BY_ID
from meshtui.ui.main import requests
from meshtui.ui.panes.dock import PANES
from meshtui.ui.panes.tracewords import Ask, parse_ask
from meshtui.ui.table.order import SORTS


@dataclass(frozen=True, slots=True)
class Change:
    """Plan this for the selected service, for its rule `rule` (a name or an index) if given."""

    request: Request
    rule: str = ""


@dataclass(frozen=True, slots=True)
class Undo:
    """Take back a change, the last one where no identity is given."""

    change_id: str = ""


@dataclass(frozen=True, slots=True)
class Adopt:
    """Make the selected service's routing objects; `stable` gets all the traffic."""

    stable: str = ""


@dataclass(frozen=True, slots=True)
class Edit:
    """Open an object in the editor: vs/NAME, dr/NAME, or empty for the selected rule's own."""

    words: str = ""


@dataclass(frozen=True, slots=True)
class SortBy:
    key: str


@dataclass(frozen=True, slots=True)
class ShowSide:
    """Whose numbers the table has: "caller" or "server"."""

    side: str


@dataclass(frozen=True, slots=True)
class UseTheme:
    """Empty: say which there are."""

    name: str = ""


@dataclass(frozen=True, slots=True)
class ShowNamespace:
    """Only its services; empty: those of all namespaces."""

    name: str = ""


@dataclass(frozen=True, slots=True)
class SwitchContext:
    """Another cluster; empty: say which there are."""

    name: str = ""


@dataclass(frozen=True, slots=True)
class FilterBy:
    text: str


@dataclass(frozen=True, slots=True)
class Trace:
    """Ask where a request to the selected service goes."""

    ask: Ask


@dataclass(frozen=True, slots=True)
class ToPane:
    """Words for a pane, which is opened where it is not."""

    kind: str
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Run:
    """Do what the key of this action does."""

    action: str


Command = (
    Change
    | Undo
    | Adopt
    | Edit
    | SortBy
    | ShowSide
    | UseTheme
    | ShowNamespace
    | SwitchContext
    | FilterBy
    | Trace
    | ToPane
    | Run
)
Parser = Callable[[Sequence[str]], Command]

EXAMPLES = (
    ("shift v1=80 v3=20", "Set weights in percent; unnamed versions share the rest."),
    ("promote v2", "All traffic to a version."),
    ("rollback [VERSION]", "All traffic to stable (or VERSION), mirrors and faults off."),
    ("undo [CHANGE]", "Take back the last change, or the one named."),
    ("mirror v2 50% [for 2h]", "Copy traffic to a version.   :mirror off"),
    ("fault delay 3s 50%", "Delay requests.   :fault off"),
    ("fault abort 503 10% [for 5m]", "Answer with an error; parts can be combined, header k=v."),
    ("trace GET /path header k=v", "Which rule takes it; also host H, from WORKLOAD, port N."),
    ("charts 1h [errors] [p95]", "How far back the charts look, and what they show."),
    ("timeout 10s [retries 3] [per-try 3s]", "Also: on 5xx,reset.   :timeout off"),
    ("breaker [subset v3] max-connections 100", "Also: consecutive-5xx 5 …   :breaker off"),
    ("shift v2=100 rule testers", "Another rule than the selected one, for every verb above."),
    ("adopt [v1]", "Make DestinationRule and VirtualService of a service that has none."),
    ("edit [dr/NAME]", "The VirtualService (or another object) in $EDITOR."),
    ("sort errors", f"One of {', '.join(SORTS)}."),
    ("view server", "The table's numbers: what versions did themselves.   :view caller"),
    ("theme NAME", "Another theme; without a name: which there are."),
    ("ns NAME", "Only the services of a namespace.   :ns all"),
    ("ctx NAME", "Another context of the kubeconfig; without a name: which there are."),
    ("filter TEXT", "As after /."),
    (
        "logs code:5xx v:v3 >200ms text",
        "Also flag:UO path:/x* method:GET pod:x ~regex, ! turns one.",
    ),
    ("logs since 15m", "Also tail 1000, save [PATH], mark [TEXT], callers.   :logs off: all"),
    ("proxies POD [endpoints]", "Any proxy of the mesh; also routes, clusters, listeners."),
    ("q", "Leave. Every action's name works too: :logs, :rules, …"),
)
"""What the help screen shows."""


def parse_command(text: str) -> Command | None:
    """The command in `text`, None for an empty one. Raises `Usage`."""
    words = text.split()
    if not words:
        return None
    name, arguments = words[0].lower(), words[1:]
    parser = _PARSERS.get(name)
    if parser is not None:
        return parser(arguments)
    action = {"q": "quit", "q!": "quit", "analyze": "analysis"}.get(name, name)
    if action not in BY_ID or action in _KEYS_ONLY:
        raise Usage(f"there is no command :{name}", "? shows the commands")
    if arguments and action in PANES:
        return ToPane(action, tuple(arguments))
    if arguments:
        raise Usage(f":{name} takes no arguments")
    return Run(action)


_KEYS_ONLY = {"digit", "backspace"}


def _change(read: Callable[[Sequence[str]], Request]) -> Parser:
    """A verb that changes a rule; `rule NAME` at the end names another than the selected one."""

    def parser(words: Sequence[str]) -> Command:
        rest, rule = requests.rule_of(words)
        return Change(read(rest), rule)

    return parser


def _or_form(action: str, parser: Parser) -> Parser:
    """Without arguments: what the key does."""
    return lambda words: parser(words) if words else Run(action)


def _promote(words: Sequence[str]) -> Request:
    if len(words) != 1:
        raise Usage("promote wants one version", "as in :promote v2")
    return Promote(words[0])


def _rollback(words: Sequence[str]) -> Request:
    if len(words) > 1:
        raise Usage("rollback takes at most the version to go back to")
    return Rollback(words[0], "named by the operator") if words else Rollback()


def _breaker(words: Sequence[str]) -> Command:
    return Change(requests.breaker(words))


def _undo(words: Sequence[str]) -> Command:
    if len(words) > 1:
        raise Usage("undo takes at most the identity of one change")
    return Undo(words[0] if words else "")


def _adopt(words: Sequence[str]) -> Command:
    if len(words) > 1:
        raise Usage("adopt takes at most the stable version", "as in :adopt v1")
    return Adopt(words[0] if words else "")


def _edit(words: Sequence[str]) -> Command:
    if len(words) > 1:
        raise Usage("edit takes at most one object", "as in :edit dr/reviews")
    return Edit(words[0] if words else "")


def _sort(words: Sequence[str]) -> Command:
    if len(words) != 1 or words[0] not in SORTS:
        raise Usage(f"sort by one of {', '.join(SORTS)}")
    return SortBy(words[0])


def _view(words: Sequence[str]) -> Command:
    if not words:
        return Run("view_side")
    if len(words) != 1 or words[0] not in SIDES:
        raise Usage("view is caller or server", "as in :view server")
    return ShowSide(words[0])


def _theme(words: Sequence[str]) -> Command:
    return UseTheme(" ".join(words))


def _namespace(words: Sequence[str]) -> Command:
    if len(words) != 1:
        raise Usage("ns wants one namespace", "as in :ns bookinfo, or :ns all")
    return ShowNamespace("" if words[0] == "all" else words[0])


def _context(words: Sequence[str]) -> Command:
    if len(words) > 1:
        raise Usage("ctx takes one context of the kubeconfig")
    return SwitchContext(words[0] if words else "")


def _filter(words: Sequence[str]) -> Command:
    return FilterBy(" ".join(words))


def _trace(words: Sequence[str]) -> Command:
    return Trace(parse_ask(words)) if words else Run("trace")


_PARSERS: Mapping[str, Parser] = {
    "shift": _change(requests.shift),
    "promote": _or_form("promote", _change(_promote)),
    "rollback": _or_form("rollback", _change(_rollback)),
    "undo": _undo,
    "mirror": _or_form("mirror", _change(requests.mirror)),
    "fault": _or_form("fault", _change(requests.fault)),
    "timeout": _or_form("timeout", _change(requests.timeout)),
    "breaker": _or_form("breaker", _breaker),
    "adopt": _adopt,
    "edit": _edit,
    "sort": _sort,
    "view": _view,
    "theme": _theme,
    "ns": _namespace,
    "ctx": _context,
    "filter": _filter,
    "trace": _trace,
}

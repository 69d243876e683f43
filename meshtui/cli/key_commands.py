"""What an explanation says to do next, with commands in place of the screen's keys."""

from __future__ import annotations

import re
from collections.abc import Callable

from meshtui.mesh.model import ServiceKey

COMMANDS = {
    "J": "journal {0}",
    "R": "rollback {0}",
    "a": "analyze",
    "b": "breaker {0} …",
    "c": "fault {0} --off",
    "e": "edit …",
    "l": "logs {0}",
    "o": "timeout {0} …",
    "p": "proxy diff {0}",
    "t": "trace {0}",
    "x": "exposure {0}",
    "-": "shift {0} …",
}
"""What is typed for the keys that an explanation names; the others have no command."""

_KEY = re.compile(r"(^|; |, or )([A-Za-z-]): ")
_LINE = re.compile(r":(logs|fault)( [^ ;]+?)?(?=:? |;|:?$)")


def as_commands(service: ServiceKey) -> Callable[[str], str]:
    """Puts what is to be done next into commands, where it names keys of the screen."""
    name = f"{service.name}.{service.namespace}"

    def typed(found: re.Match[str]) -> str:
        command = COMMANDS.get(found[2])
        return found[0] if command is None else f"{found[1]}meshtui {command.format(name)}: "

    def line(found: re.Match[str]) -> str:
        if found[1] == "fault":
            return f"meshtui fault {name} --off"
        return f"meshtui logs {name} --filter '{(found[2] or '').strip()}'"

    return lambda text: _KEY.sub(typed, _LINE.sub(line, text))

"""How what is to be done next is typed in a shell."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping

from meshtui.diagnosis.explain.steps import FAULT_OFF, LINES, SAID, TYPED, Step
from meshtui.mesh.model import ServiceKey

COMMANDS: Mapping[str, str] = {
    "analysis": "meshtui analyze",
    "breaker": "meshtui breaker {0} …",
    "clear": "meshtui fault {0} --off",
    "edit": "kubectl -n {1} edit virtualservice",
    "exposure": "meshtui exposure {0}",
    "journal": "meshtui journal {0}",
    "lighter": "meshtui shift {0} {2}",
    "logs": "meshtui logs {0}",
    "proxies": "meshtui proxy diff {0}",
    "refresh": "meshtui signals {0}",
    "rollback": "meshtui rollback {0}",
    "rules": "kubectl -n {1} get virtualservice,destinationrule -o yaml",
    "timeout": "meshtui timeout {0} …",
    "trace": "meshtui trace {0}",
}
"""Of the actions that a step may name; `{0}` is the service, `{1}` its namespace, `{2}` the weight.

…: what has to be said beside, see --help.
"""


def commands(service: ServiceKey) -> Callable[[Step], str]:
    """The command of each step, about this service."""
    name = f"{service.name}.{service.namespace}"

    def typed(step: Step) -> str:
        if step.do == LINES:
            callers = "--callers " if step.callers else ""
            return f"meshtui logs {name} {callers}--filter {shlex.quote(step.of)}"
        if step.do == FAULT_OFF:
            return f"meshtui fault {name} --off --rule {shlex.quote(step.of)}"
        if step.do in (TYPED, SAID):
            return step.of
        return COMMANDS[step.do].format(name, service.namespace, step.of)

    return typed

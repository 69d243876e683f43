"""The document of `signals`: states, and what each flag, code and status means here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from meshtui.cli.step_commands import commands
from meshtui.diagnosis.explain import explanations
from meshtui.diagnosis.explain.scope import VersionScope, parts_of
from meshtui.diagnosis.explain.steps import Step, Steps, steps_text
from meshtui.diagnosis.explain.triage import sentences
from meshtui.mesh.signals import Sample


def signals_json(scope: VersionScope, sample: Sample | None) -> dict[str, Any]:
    """`states` begin with the worst. `share` is 0 to 1; what is not known is null.

    `next` has commands, as the table; `steps` are they one by one.
    """
    evidence, how = scope.evidence, commands(scope.view.key)
    return {
        "service": str(scope.view.key),
        "version": scope.row.label if scope.row else None,
        "source": sample.source if sample else None,
        "window_s": sample.window_s if sample else None,
        "states": [
            {
                "state": one.state,
                "sentence": one.head,
                "details": list(one.lines),
                "next": steps_text(one.next, how),
                "steps": _steps(one.next, how),
            }
            for one in sentences(scope)
        ],
        "explanations": [
            {
                "kind": one.kind,
                "code": one.code,
                "name": one.name,
                "of": list(one.labels),
                "side": one.side,
                "rps": one.rps,
                "share": one.share,
                "sentences": list(one.sentences),
                "next": steps_text(one.next, how),
                "steps": _steps(one.next, how),
            }
            for one in explanations(parts_of(scope))
        ],
        "not_read": list(evidence.troubles) if evidence else [],
    }


def _steps(steps: Steps, how: Callable[[Step], str]) -> list[dict[str, str]]:
    return [{"command": how(step), "text": step.text} for step in steps]

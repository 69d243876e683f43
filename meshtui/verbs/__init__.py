"""One table of what can be asked for.

The command line, the words after `:`, the forms and the README's tables are made from it.
"""

from meshtui.verbs import canary_verbs as canaries
from meshtui.verbs import change_verbs as changing
from meshtui.verbs import labs
from meshtui.verbs import read_verbs as looking
from meshtui.verbs import screen_verbs as screen
from meshtui.verbs.verb import Example, Parameter, Verb

__all__ = ["BY_NAME", "VERBS", "Example", "Parameter", "Verb", "named_after_colon"]

VERBS: tuple[Verb, ...] = (
    *looking.VERBS,
    *changing.VERBS,
    *canaries.VERBS,
    *screen.VERBS,
    *labs.VERBS,
)
BY_NAME = {verb.name: verb for verb in VERBS}


def named_after_colon(name: str) -> Verb | None:
    """The verb that is typed so after `:`; None where there is none."""
    for verb in VERBS:
        if verb.line and (verb.name == name or name in verb.aliases):
            return verb
    return None

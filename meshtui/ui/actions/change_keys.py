"""The actions that change the mesh: one part of the registry."""

from __future__ import annotations

from meshtui.ui.actions.action import ANYWHERE, CHANGE, IN_JOURNAL, OF_A_ROW, Action

DIGITS = tuple("0123456789")

CHANGES: tuple[Action, ...] = (
    Action(
        "heavier", ("plus", "equals_sign"), "+", "weight",
        "Draft 5 % more for the selected version; the others share the rest.",
        CHANGE, True, OF_A_ROW, "version", 24, False,
    ),
    Action(
        "lighter", ("minus",), "-", "5 % less",
        "Draft 5 % less for the selected version.",
        CHANGE, True, OF_A_ROW, "version", 0, False,
    ),
    Action(
        "one_more", ("right_square_bracket",), "]", "1 % more",
        "Draft 1 % more for the selected version.",
        CHANGE, True, OF_A_ROW, "version", 0, False,
    ),
    Action(
        "one_less", ("left_square_bracket",), "[", "1 % less",
        "Draft 1 % less for the selected version.",
        CHANGE, True, OF_A_ROW, "version", 0, False,
    ),
    Action(
        "digit", DIGITS, "0-9", "percent",
        "Type the weight of the selected version; Backspace takes a digit back.",
        CHANGE, True, OF_A_ROW, "version", 8, False,
    ),
    Action(
        "backspace", ("backspace",), "Backspace", "take back",
        "Take the last typed digit back.",
        CHANGE, True, OF_A_ROW, "draft", 0, False,
    ),
    Action(
        "next_step", ("n",), "n", "next step",
        "Draft the ladder's next step for the selected version: 5, 10, 25, 50 … %, or as set.",
        CHANGE, True, OF_A_ROW, "version", 25, False,
    ),
    Action(
        "diff", ("enter",), "Enter", "diff",
        "Show the drafted weights as a diff; Enter there applies them.",
        CHANGE, True, OF_A_ROW, "draft", 5, False,
    ),
    Action(
        "promote", ("P",), "P", "promote",
        "All traffic to the selected version.",
        CHANGE, True, ANYWHERE, "version", 30,
    ),
    Action(
        "rollback", ("R", "ctrl+r"), "R", "roll back",
        "All traffic to stable, mirrors and faults off. {rollback} then Enter, from everywhere; "
        "Ctrl+R also while typing.",
        CHANGE, True, ANYWHERE, "service", 20,
    ),
    Action(
        "undo_entry", ("enter",), "Enter", "undo this",
        "Journal: take back the change under the cursor, and no other.",
        CHANGE, True, IN_JOURNAL, "", 5, False,
    ),
    Action(
        "undo", ("u",), "u", "undo",
        "Take back the last change that was made; in the journal the one under the cursor.",
        CHANGE, True, ANYWHERE, "service", 24,
    ),
    Action(
        "again", ("U",), "U", "apply again",
        "Apply once more the newest change that somebody else reverted.",
        CHANGE, True, ANYWHERE, "",
    ),
    Action(
        "mirror", ("m",), "m", "mirror",
        "Copy traffic to a version, or take the mirror off.",
        CHANGE, True, ANYWHERE, "service", 50,
    ),
    Action(
        "fault", ("f",), "f", "fault",
        "Inject a delay or an abort for a while, or take the fault off.",
        CHANGE, True, ANYWHERE, "service", 60,
    ),
    Action(
        "clear", ("c",), "c", "clear",
        "Take off the mirrors and the fault of the selected service.",
        CHANGE, True, ANYWHERE, "service",
    ),
    Action(
        "timeout", ("o",), "o", "timeout",
        "Set or take off the rule's timeout and its retries.",
        CHANGE, True, ANYWHERE, "service", 62,
    ),
    Action(
        "breaker", ("b",), "b", "breaker",
        "Connection limits and outlier ejection of the host, or of one subset.",
        CHANGE, True, ANYWHERE, "service", 64,
    ),
    Action(
        "edit", ("e",), "e", "edit",
        "The VirtualService in $EDITOR, then its diff; what you typed is kept until it is made.",
        CHANGE, True, ANYWHERE, "service", 66,
    ),
    Action(
        "adopt", ("A",), "A", "adopt",
        "Make the rules of a service that has none, from its pods: Istio's, or an HTTPRoute.",
        CHANGE, True, ANYWHERE, "service",
    ),
)  # fmt: skip

"""Rules followed by identity through operations that put rules in and take rules away."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from meshtui.changes.change import Operation
from meshtui.changes.locate import whole_rule
from meshtui.changes.patch import tokens
from meshtui.dataclass import dataclass


@dataclass(frozen=True, slots=True)
class Followed:
    """What operations do to one list of rules, by the place that each rule had at first.

    `places` is where each of the old rules is afterwards, None where it is taken away; `touched`
    are those that an operation changes inside, in their old order.
    """

    places: tuple[int | None, ...]
    touched: tuple[int, ...]


def follow(protocol: str, count: int, operations: Sequence[Operation]) -> Followed:
    """Follows each of the `count` rules of the list through the operations."""
    present: list[int | None] = list(range(count))
    touched: set[int] = set()
    for operation in operations:
        whole = whole_rule(operation)
        if whole is not None and whole[0] == protocol:
            if operation["op"] == "add":
                present.insert(whole[1], None)
            else:
                present.pop(whole[1])
        else:
            touched.update(_inside(protocol, present, operation))
    where = {old: index for index, old in enumerate(present) if old is not None}
    return Followed(tuple(where.get(old) for old in range(count)), tuple(sorted(touched)))


def _inside(protocol: str, present: Sequence[int | None], operation: Operation) -> Iterator[int]:
    steps = tokens(operation["path"])
    if len(steps) < 3 or steps[:2] != ["spec", protocol] or not steps[2].isdigit():
        return
    index = int(steps[2])
    old = present[index] if index < len(present) else None
    if old is not None:
        yield old

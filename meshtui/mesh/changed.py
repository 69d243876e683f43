"""Copies of frozen dataclasses that differ in some fields, for what is made at every tick."""

from __future__ import annotations

from dataclasses import Field, fields
from functools import cache
from operator import attrgetter
from typing import Any, ClassVar, Protocol, TypeVar


class DataclassInstance(Protocol):
    """Any dataclass."""

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]


One = TypeVar("One", bound=DataclassInstance)


@cache
def _layout(kind: type[DataclassInstance]) -> tuple[attrgetter[Any], dict[str, int]]:
    names = [one.name for one in fields(kind)]
    return attrgetter(*names), {name: at for at, name in enumerate(names)}


def changed(one: One, **values: Any) -> One:
    """As `dataclasses.replace`, at a third of its cost; for classes of several fields, each of
    which is a parameter of its `__init__`.
    """
    read, places = _layout(type(one))
    found = list(read(one))
    for name, value in values.items():
        found[places[name]] = value
    return type(one)(*found)

"""`@dataclass(frozen=True)` as the standard library's, at a fraction of its cost.

The standard library compiles six methods for each class, a millisecond of work in Python 3.11: half
of what a command did before it asked the cluster anything, much of it for classes of which it
never makes an instance. Here the methods are shared, and `__init__` is compiled when the first
instance is made. Fields, `replace`, `asdict`, `fields`, matching and errors are the standard
library's. A frozen class inherits from such classes only.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from functools import partial
from operator import attrgetter
from reprlib import recursive_repr
from types import MemberDescriptorType
from typing import TYPE_CHECKING, Any

_NOT_GIVEN = dataclasses.MISSING

Kind = type[Any]
Decorator = Callable[[Kind], Any]


def _dataclass(*, frozen: bool = False, slots: bool = False, order: bool = False) -> Decorator:
    """Those that are not frozen, or ordered, are the standard library's."""
    if order or not frozen:
        return dataclasses.dataclass(frozen=frozen, slots=slots, order=order)
    return partial(_made, dataclasses.dataclass(init=False, repr=False, eq=False, slots=slots))


def _made(collect: Callable[[Kind], Kind], kind: Kind) -> Kind:
    own = dict(vars(kind))
    if not kind.__doc__:
        # The standard library would work out a signature for it.
        kind.__doc__ = kind.__name__
    made = collect(kind)
    fields = dataclasses.fields(made)
    if any(field.kw_only for field in fields):
        raise TypeError(f"{kind.__name__}: fields that are given by keyword only are not supported")
    compared = [field.name for field in fields if field.compare]
    hashed = [f.name for f in fields if (f.compare if f.hash is None else f.hash)]
    methods: dict[str, Any] = {
        "__init__": _first_init(made),
        "__repr__": _repr,
        "__eq__": _eq(_reader(compared)),
        "__setattr__": _refuse_setting,
        "__delattr__": _refuse_deleting,
    }
    if "__slots__" in vars(made):
        methods |= {"__getstate__": _getstate, "__setstate__": _setstate}
    # A class that defines `__eq__` alone has the `__hash__` None, which nobody wrote.
    if own.get("__hash__") is None:
        own.pop("__hash__", None)
        methods["__hash__"] = _hash(_reader(hashed))
    for name, method in methods.items():
        if name not in own:
            setattr(made, name, method)
    return made


def _first_init(made: Kind) -> Callable[..., None]:
    """Makes the real one, which is in its place from then on."""

    def first(self: Any, *args: Any, **values: Any) -> None:
        made.__init__ = init = _compiled_init(made)
        init(self, *args, **values)

    return first


def _compiled_init(made: Kind) -> Callable[..., None]:
    """Sets each slot by its own descriptor: `object.__setattr__` would look it up every time."""
    space: dict[str, Any] = {"_NOT_GIVEN": _NOT_GIVEN, "_set": object.__setattr__}
    parameters, body = ["self"], []
    for field in dataclasses.fields(made):
        name = value = field.name
        slot = _slot(made, name)
        space[f"_set_{name}"] = slot
        if field.default is not _NOT_GIVEN:
            space[f"_default_{name}"] = field.default
            default = f"_default_{name}"
        elif field.default_factory is not _NOT_GIVEN:
            space[f"_make_{name}"] = field.default_factory
            default = "_NOT_GIVEN"
            value = f"_make_{name}() if {name} is _NOT_GIVEN else {name}"
        else:
            default = ""
        if field.init:
            parameters.append(f"{name}={default}" if default else name)
        elif default:
            value = f"_make_{name}()" if default == "_NOT_GIVEN" else default
        else:
            continue
        setting = f"_set_{name}(self," if slot else f"_set(self, {name!r},"
        body.append(f"{setting} {value})")
    if hasattr(made, "__post_init__"):
        body.append("self.__post_init__()")
    lines = "\n ".join(body or ["pass"])
    exec(f"def __init__({', '.join(parameters)}):\n {lines}", space)  # noqa: S102 - names of fields
    init: Callable[..., None] = space["__init__"]
    init.__qualname__ = f"{made.__qualname__}.__init__"
    return init


def _slot(made: Kind, name: str) -> Any:
    """What sets the slot of a field; None where the class has a `__dict__`."""
    found = (vars(kind)[name] for kind in made.__mro__ if name in vars(kind))
    return next((one.__set__ for one in found if isinstance(one, MemberDescriptorType)), None)


def _reader(names: list[str]) -> Callable[[Any], tuple[Any, ...]]:
    if len(names) > 1:
        return attrgetter(*names)
    if not names:
        return lambda _: ()
    one = attrgetter(names[0])
    return lambda instance: (one(instance),)


def _eq(read: Callable[[Any], tuple[Any, ...]]) -> Callable[[Any, Any], Any]:
    def equal(self: Any, other: Any) -> Any:
        if other.__class__ is self.__class__:
            return read(self) == read(other)
        return NotImplemented

    return equal


def _hash(read: Callable[[Any], tuple[Any, ...]]) -> Callable[[Any], int]:
    def hashed(self: Any) -> int:
        return hash(read(self))

    return hashed


@recursive_repr()
def _repr(self: Any) -> str:
    shown = (field.name for field in dataclasses.fields(self) if field.repr)
    return f"{type(self).__qualname__}({', '.join(f'{x}={getattr(self, x)!r}' for x in shown)})"


def _refuse_setting(self: Any, name: str, _: Any) -> None:
    raise dataclasses.FrozenInstanceError(f"cannot assign to field {name!r}")


def _refuse_deleting(self: Any, name: str) -> None:
    raise dataclasses.FrozenInstanceError(f"cannot delete field {name!r}")


def _getstate(self: Any) -> list[Any]:
    return [getattr(self, field.name) for field in dataclasses.fields(self)]


def _setstate(self: Any, state: Iterable[Any]) -> None:
    for field, value in zip(dataclasses.fields(self), state, strict=True):
        object.__setattr__(self, field.name, value)


if TYPE_CHECKING:
    from dataclasses import dataclass as dataclass
else:
    dataclass = _dataclass

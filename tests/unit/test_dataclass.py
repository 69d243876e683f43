"""Our `dataclass` beside the standard library's: the same classes by both behave alike."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from collections.abc import Callable
from dataclasses import FrozenInstanceError, dataclass, field, fields, replace
from functools import cached_property
from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshtui import dataclass as ours

Make = Callable[..., Callable[[type], Any]]
BOTH = pytest.mark.parametrize("make", [dataclass, ours._dataclass], ids=["theirs", "ours"])


def classes(make: Make) -> dict[str, Any]:
    """One of each form that the product has."""

    @make(frozen=True, slots=True)
    class Plain:
        """Two fields."""

        a: int
        b: str = "x"

    @make(frozen=True, slots=True)
    class Empty:
        pass

    @make(frozen=True, slots=True)
    class One:
        only: Any

        LIMIT: ClassVar[int] = 7

        @property
        def twice(self) -> Any:
            return self.only * 2

    @make(frozen=True, slots=True)
    class Fields:
        made: list[int] = field(default_factory=list)
        aside: int = field(default=0, compare=False)
        quiet: int = field(default=3, repr=False)
        hashless: Any = field(default=1, hash=False)
        fixed: int = field(default=5, init=False)

    @make(frozen=True, slots=True)
    class Checked:
        a: int

        def __post_init__(self) -> None:
            if self.a < 0:
                raise ValueError("negative")

    @make(frozen=True, slots=True)
    class Own:
        a: int

        def __eq__(self, other: object) -> bool:
            return isinstance(other, Own) and self.a % 2 == other.a % 2

        def __repr__(self) -> str:
            return "own"

    @make(frozen=True, slots=True)
    class OwnHash:
        a: int

        def __hash__(self) -> int:
            return 4

    @make(frozen=True, slots=True)
    class Child(Plain):
        c: int = 9

    found = (Plain, Empty, One, Fields, Checked, Own, OwnHash, Child)
    return {kind.__name__: kind for kind in found}


CASES: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = [
    ("Plain", (1,), {}),
    ("Plain", (1, "y"), {}),
    ("Plain", (), {"b": "z", "a": 2}),
    ("Empty", (), {}),
    ("One", (float("nan"),), {}),
    ("One", ([],), {}),
    ("Fields", (), {}),
    ("Fields", ([1],), {"aside": 4, "quiet": 5}),
    ("Fields", ((1,), 2, 3, {}), {}),
    ("Checked", (1,), {}),
    ("Own", (1,), {}),
    ("OwnHash", (1,), {}),
    ("Child", (1, "b", 2), {}),
    ("Child", (1,), {}),
]
WRONG: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = [
    ("Plain", (), {}),
    ("Plain", (1, "b", 3), {}),
    ("Plain", (1,), {"a": 2}),
    ("Plain", (1,), {"c": 2}),
    ("Fields", (), {"fixed": 1}),
    ("Empty", (1,), {}),
    ("Checked", (-1,), {}),
]


def seen(make: Make, name: str, args: Any, values: Any) -> list[Any]:
    """All that can be observed of an instance, with the class's own place left out."""
    kind = classes(make)[name]
    first, second = kind(*args, **values), kind(*args, **values)
    names = [one.name for one in fields(first)]
    return [
        [(n, getattr(first, n)) for n in names],
        first == second,
        first != second,
        first == kind,
        outcome(lambda: hash(first) == hash(second)),
        outcome(lambda: hash(first)),
        repr(first).replace(f"classes.<locals>.{name}", name),
        kind.__match_args__,
        kind.__doc__ if name == "Plain" else "",
        hasattr(first, "__dict__"),
        [outcome(lambda n=n: setattr(first, n, 1)) for n in names],
        [outcome(lambda n=n: delattr(first, n)) for n in names],
        outcome(lambda: dataclasses.asdict(first)),
        outcome(lambda: replace(first) == first),
        copy.copy(first) == first,
        [(n, getattr(copy.deepcopy(first), n)) for n in names],
    ]


def outcome(work: Callable[[], Any]) -> Any:
    try:
        return work()
    except (TypeError, ValueError, AttributeError) as error:
        return type(error).__name__


@pytest.mark.parametrize(("name", "args", "values"), CASES)
def test_an_instance_is_the_same(name: str, args: Any, values: Any) -> None:
    theirs = seen(dataclass, name, args, values)  # type: ignore[arg-type]
    assert repr(seen(ours._dataclass, name, args, values)) == repr(theirs)


@pytest.mark.parametrize(("name", "args", "values"), WRONG)
def test_what_cannot_be_made_is_refused_alike(name: str, args: Any, values: Any) -> None:
    kinds = [classes(make)[name] for make in (dataclass, ours._dataclass)]  # type: ignore[list-item]
    theirs, own, again = (
        outcome(lambda kind=kind: kind(*args, **values)) for kind in (*kinds, kinds[1])
    )
    assert theirs == own == again
    assert theirs in ("TypeError", "ValueError")


@given(st.lists(st.tuples(st.integers(0, 2), st.sampled_from("ab")), min_size=2, max_size=6))
def test_instances_compare_and_hash_as_their_fields(pairs: list[tuple[int, str]]) -> None:
    kind = classes(ours._dataclass)["Plain"]
    for one in pairs:
        for other in pairs:
            assert (kind(*one) == kind(*other)) is (one == other)
    assert len({kind(*pair) for pair in pairs}) == len(set(pairs))


@BOTH
def test_classes_of_one_form_are_not_equal(make: Make) -> None:
    first, second = classes(make)["Plain"], classes(make)["Plain"]
    assert first(1) != second(1)


def test_what_refers_to_itself_can_be_shown() -> None:
    inside: list[Any] = []
    made = classes(ours._dataclass)["One"](inside)
    inside.append(made)
    assert repr(made).endswith("(only=[...])")


@ours.dataclass(frozen=True, slots=True)
class Sent:
    a: int
    b: tuple[int, ...] = ()


def test_an_instance_can_be_sent_to_another_process() -> None:
    assert pickle.loads(pickle.dumps(Sent(1, (2,)))) == Sent(1, (2,))


def test_matching_names_the_fields() -> None:
    match Sent(1, (2,)):
        case Sent(a, (b,)):
            assert (a, b) == (1, 2)
        case _:
            raise AssertionError


def test_an_instance_cannot_be_changed_before_and_after_the_first() -> None:
    for _ in range(2):
        made = classes(ours._dataclass)["Plain"](1)
        for name in ("a", "another"):
            with pytest.raises(FrozenInstanceError, match=f"cannot assign to field '{name}'"):
                setattr(made, name, 2)


def test_other_forms_are_the_standard_librarys() -> None:
    @ours._dataclass(slots=True)
    class Changing:
        a: int

    @ours._dataclass(frozen=True, slots=True, order=True)
    class Ordered:
        a: int

    made = Changing(1)
    made.a = 2
    assert made == Changing(2)
    assert Ordered(1) < Ordered(2)


def test_a_frozen_class_without_slots_can_remember_what_it_worked_out() -> None:
    @ours._dataclass(frozen=True)
    class Counted:
        a: int
        worked: list[int] = field(default_factory=list, compare=False)

        @cached_property
        def double(self) -> int:
            self.worked.append(self.a)
            return 2 * self.a

    made = Counted(2)
    assert (made.double, made.double, made.worked) == (4, 4, [2])
    assert (made, hash(made)) == (Counted(2), hash(Counted(2)))
    assert copy.copy(made) == replace(made) == made
    with pytest.raises(FrozenInstanceError):
        made.a = 3

"""The shape of the code: no import goes in a circle, and no class is cut in two halves."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
Trees = Mapping[str, ast.Module]


def modules_of(root: Path) -> dict[str, ast.Module]:
    """Every module of the product by its full name, parsed."""
    trees = {}
    for file in sorted((root / "meshtui").rglob("*.py")):
        parts = file.relative_to(root).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        trees[name] = ast.parse(file.read_text())
    return trees


def imports_of(tree: ast.AST, known: Collection[str]) -> set[str]:
    """The modules that are imported anywhere: in functions, and for the type checker only."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                found.add(full if full in known else node.module)
    return found & set(known)


def cycle_in(trees: Trees) -> list[str]:
    """One circle of imports, as a chain of modules; empty where there is none."""
    graph = {name: imports_of(tree, trees) - {name} for name, tree in trees.items()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def half_classes(trees: Trees) -> dict[str, str]:
    """Classes that exist for one child: nothing else inherits from them, makes or names one.

    Protocols, exceptions and classes of libraries are not counted.
    """
    classes = list(_classes(trees))
    ours = {node.name: node for node in classes}
    children: dict[str, list[str]] = {}
    for node in classes:
        for base in _base_names(node):
            children.setdefault(base, []).append(node.name)
    used = {name for tree in trees.values() for name in _used_names(tree)}
    return {
        base: only[0]
        for base, only in children.items()
        if base in ours and len(only) == 1 and base not in used and not _excluded(base, ours)
    }


def _classes(trees: Trees) -> Iterator[ast.ClassDef]:
    for tree in trees.values():
        yield from (node for node in ast.walk(tree) if isinstance(node, ast.ClassDef))


def _base_names(node: ast.ClassDef) -> Iterator[str]:
    for base in node.bases:
        plain = base.value if isinstance(base, ast.Subscript) else base
        if isinstance(plain, ast.Name | ast.Attribute):
            yield plain.id if isinstance(plain, ast.Name) else plain.attr


def _used_names(tree: ast.AST) -> Iterator[str]:
    """Names that stand anywhere but in an import or among the bases of a class."""
    bases = {
        id(part)
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
        for base in node.bases
        for part in ast.walk(base)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Name | ast.Attribute) and id(node) not in bases:
            yield node.id if isinstance(node, ast.Name) else node.attr


def _excluded(name: str, ours: Mapping[str, ast.ClassDef]) -> bool:
    if name in {"Protocol", "Exception"}:
        return True
    node = ours.get(name)
    bases = list(_base_names(node)) if node else []
    return any(base.endswith("Error") or _excluded(base, ours) for base in bases if base != name)


PRODUCT = modules_of(ROOT)


def parsed(**sources: str) -> dict[str, ast.Module]:
    return {name: ast.parse(text) for name, text in sources.items()}


def test_no_import_goes_in_a_circle() -> None:
    assert cycle_in(PRODUCT) == []


def test_no_class_is_inherited_by_one_class_and_used_for_nothing_else() -> None:
    assert half_classes(PRODUCT) == {}


def test_no_method_waits_for_a_sibling_to_define_it() -> None:
    names = {
        module
        for module, tree in PRODUCT.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Name) and node.id == "NotImplementedError"
    }
    assert names == set()


@pytest.mark.parametrize(
    "importing",
    [
        "import a",
        "from a import X",
        "def f():\n    from a import X",
        "if TYPE_CHECKING:\n    from a import X",
    ],
)
def test_a_circle_is_found_however_it_is_imported(importing: str) -> None:
    assert set(cycle_in(parsed(a="import b", b="import c", c=importing))) == {"a", "b", "c"}


@pytest.mark.parametrize(
    ("source", "halves"),
    [
        ("class A: ...\nclass B(A): ...", {"A": "B"}),
        ("class A(Widget): ...\nclass B(A): ...", {"A": "B"}),
        ("class A(Generic[T]): ...\nclass B(A[int]): ...", {"A": "B"}),
        ("class A: ...\nclass B(A): ...\nclass C(A): ...", {}),
        ("class A: ...\nclass B(A): ...\na = A()", {}),
        ("class A(Protocol): ...\nclass B(A): ...", {}),
        ("class A(Exception): ...\nclass B(A): ...", {}),
        ("class B(Library): ...", {}),
    ],
)
def test_what_counts_as_a_class_cut_in_two(source: str, halves: dict[str, str]) -> None:
    assert half_classes(parsed(m=source)) == halves

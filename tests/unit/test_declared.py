"""What is imported is what `pyproject.toml` declares, and the version stands in one place."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterable, Iterator
from importlib.metadata import packages_distributions, version
from pathlib import Path

import meshtui

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
TOOLS = {"import-linter", "mypy", "ruff", "pre-commit", "types-pyyaml"}
PLUGINS = {"pytest-asyncio", "pytest-timeout", "pytest-xdist"}


def declared(requirements: Iterable[str]) -> set[str]:
    names = (re.match(r"[A-Za-z0-9._-]+", one) for one in requirements)
    return {normal(found[0]) for found in names if found}


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def imported(files: Iterable[Path]) -> set[str]:
    """The distributions of all modules that are imported anywhere in the files."""
    modules = {name for file in files for name in _modules(ast.parse(file.read_text()))}
    modules -= sys.stdlib_module_names | {"meshtui", "tests"} | {file.stem for file in TESTS}
    modules.discard("_typeshed")  # The standard library's, for type checkers only.
    owners = packages_distributions()
    return {normal(owners[name][0]) if name in owners else name for name in modules}


def _modules(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            yield node.module.partition(".")[0]


PRODUCT = [f for f in (ROOT / "meshtui").rglob("*.py") if "lab" not in f.relative_to(ROOT).parts]
LAB = list((ROOT / "meshtui" / "lab").rglob("*.py"))
TESTS = list((ROOT / "tests").rglob("*.py"))
NEEDED = declared(PROJECT["dependencies"])
DEMO = declared(PROJECT["optional-dependencies"]["demo"])
TEST = declared(PROJECT["optional-dependencies"]["test"])


def test_the_program_imports_what_is_declared_and_no_other() -> None:
    assert imported(PRODUCT) == NEEDED


def test_the_lab_adds_what_the_demo_declares() -> None:
    assert imported(LAB) - NEEDED == DEMO


def test_the_tests_import_what_is_declared() -> None:
    assert imported(TESTS) - NEEDED - DEMO == TEST - TOOLS - PLUGINS


def test_the_version_stands_in_one_place() -> None:
    assert PROJECT["dynamic"] == ["version"]
    assert "version" not in PROJECT
    assert version("meshtui-istio") == meshtui.__version__

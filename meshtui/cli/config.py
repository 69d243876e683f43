"""`config show|path|init`: what is set, by what, and a file to begin with."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any

from meshtui.cli import connect as opening
from meshtui.cli import output
from meshtui.cli.options import context_name
from meshtui.cli.screen_settings import of_every_context
from meshtui.config import SETTINGS, Loaded, Setting, config_path, load
from meshtui.config.keys import KeyChoice
from meshtui.config.settings import BY_NAME
from meshtui.config.template import write_template
from meshtui.errors import Exit, Usage
from meshtui.kube.address import without_userinfo
from meshtui.mesh.quantity import exact_duration

HIDDEN = "(hidden)"
TIMES = ("fault_for", "mirror_for")


def config(arguments: argparse.Namespace) -> int:
    form = opening.form(arguments)
    if arguments.force and arguments.what != "init":
        raise Usage("--force belongs to `config init`")
    if arguments.what == "show":
        return _show(load(lenient=form == "table"), arguments, form)
    path = config_path()
    if arguments.what == "init":
        write_template(path, force=arguments.force)
    if form == "table":
        output.line(str(path))
    else:
        output.data({"file": str(path), "found": path.is_file()}, form)
    return Exit.DONE


def _show(loaded: Loaded, arguments: argparse.Namespace, form: str) -> Exit:
    """A person sees what is taken, and a line for each thing that is not; a program the first."""
    problems = (*loaded.problems, *of_every_context(loaded))
    if loaded.config.contexts:
        loaded = loaded.in_context(context_name(arguments))
    if form != "table":
        if problems:
            raise Usage(problems[0])
        settings = [_setting_json(one, loaded) for one in SETTINGS]
        found = {"file": str(loaded.path), "found": loaded.found, "settings": settings}
        output.data(found, form)
        return Exit.DONE
    rows = [
        (one.name, _words(_value(one, loaded), one.name), loaded.sources[one.name])
        for one in SETTINGS
    ]
    output.table(("SETTING", "VALUE", "FROM"), rows)
    for problem in problems:
        output.note(f"meshtui: {problem}")
    if not loaded.found and not problems:
        output.note(f"meshtui: there is no {loaded.path}: `meshtui config init` writes one")
    return Exit.USAGE if problems else Exit.DONE


def _setting_json(one: Setting, loaded: Loaded) -> dict[str, Any]:
    return {
        "name": one.name,
        "value": _value(one, loaded),
        "from": loaded.sources[one.name],
        "default": _plain(one.default),
        "variable": one.variable or None,
        "help": one.help,
    }


def _value(one: Setting, loaded: Loaded) -> Any:
    return shown(one.name, getattr(loaded.config, one.name))


def shown(name: str, value: Any) -> Any:
    """Nobody's password: neither a header nor what stands in a URL, a context's neither."""
    if name == "contexts":
        return {
            pattern: {key: shown(key, one) for key, one in given.items()}
            for pattern, given in value.items()
        }
    if BY_NAME[name].secret:
        return [HIDDEN for _ in value]
    return without_userinfo(value) if name == "prometheus" else _plain(value)


def _plain(value: Any) -> Any:
    if isinstance(value, KeyChoice):
        return list(value.keys)
    if isinstance(value, Mapping):
        return {key: _plain(one) for key, one in value.items()}
    return list(value) if isinstance(value, tuple) else value


def _words(value: Any, name: str = "") -> str:
    """As the file takes it."""
    if isinstance(value, dict):
        inner = (f"{key}: {_words(one, key)}" for key, one in value.items())
        return f"{{{', '.join(inner)}}}" if value else "-"
    if isinstance(value, list):
        return ", ".join(one if isinstance(one, str) else f"{one:g}" for one in value) or "-"
    if isinstance(value, bool):
        return str(value).lower()
    if value is None:
        return "none"
    if name in TIMES:
        return exact_duration(value)
    return f"{value:g}" if isinstance(value, float) else str(value) or "-"

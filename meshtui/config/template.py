"""The file that `meshtui config init` writes: every setting, none of them set."""

from __future__ import annotations

import os
from pathlib import Path

from meshtui.config.settings import SETTINGS
from meshtui.errors import MeshtuiError, Refused

HEAD = """\
# Settings of meshtui; all of them are optional. `meshtui config show` says what is in force.
# The command line's options go before the environment's variables, these before what `contexts`
# has for the context, where a later pattern goes before an earlier one, and that before the rest.
"""


def template() -> str:
    """Each setting as a comment: what it is for, its variable, an example."""
    parts = [HEAD]
    for setting in SETTINGS:
        variable = f"   ({setting.variable})" if setting.variable else ""
        parts.append(f"\n# {setting.help}{variable}\n# {setting.name}: {setting.example}\n")
    return "".join(parts)


def write_template(path: Path, *, force: bool = False) -> None:
    """Raises Refused where there is a file and nobody said that it may go."""
    flags = os.O_WRONLY | os.O_CREAT | (os.O_TRUNC if force else os.O_EXCL)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, flags, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(template())
    except FileExistsError as error:
        raise Refused(f"{path} is there already", "--force writes over it") from error
    except OSError as error:
        raise MeshtuiError(f"{path} cannot be written ({error.strerror or error})") from error

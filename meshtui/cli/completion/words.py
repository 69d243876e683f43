"""`meshtui __complete SHELL …`: what the shells' scripts ask; and `__names`, which reads a cluster.

Neither says anything on stderr, and only the first names of a cluster are waited for, a moment:
what is not known then is not offered.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace

from meshtui.verbs.completing import (
    CONTEXT,
    FILES,
    NOTHING,
    Known,
    Wanted,
    Word,
    candidates,
    split_line,
    wanted,
)

NAMES = "__names"


def run_hidden(words: Sequence[str]) -> int:
    """Always 0: a shell has nobody to tell."""
    try:
        if words[0] == NAMES:
            _read_names(*words[1:3])
        else:
            print("\n".join(answer(words[1], words[2:])))  # noqa: T201
            sys.stdout.flush()
    except Exception:  # noqa: BLE001, S110 - the edge of the program, in the middle of a prompt
        pass
    return 0


def answer(shell: str, words: Sequence[str]) -> list[str]:
    """The directive and the words, as `scripts.py` reads them.

    bash gives the whole line, as it takes words apart at signs that are none of its own; the
    others give the words behind the program's name.
    """
    typed = split_line(words[0])[1:] if shell == "bash" and words else list(words)
    asked = wanted(typed)
    if asked.kind == FILES:
        return ["files"]
    found = candidates(asked, _known(asked))
    return ["nospace" if asked.end else "words", *(_shown(word, shell) for word in found)]


def _shown(word: Word, shell: str) -> str:
    from meshtui.mesh.text import clean

    text, clear = word
    if not clear or shell == "bash":
        return text
    return f"{text}{':' if shell == 'zsh' else chr(9)}{clean(clear, 80)}"


def _known(asked: Wanted) -> Known:
    if asked.kind == NOTHING:
        return Known()
    given = asked.given.get("kubeconfig"), asked.given.get("context")
    if asked.kind == CONTEXT:
        from meshtui.kube.kubeconfig import contexts

        return Known(contexts=tuple(one.name for one in contexts(given[0])[0]))
    from meshtui.operations.known_names import known_names, names_file, refresh

    path = names_file(*given)
    refresh(path, [NAMES, *(word or "" for word in given)])
    known = known_names(path)
    return replace(known, namespace=asked.given.get("namespace") or known.namespace or "default")


def _read_names(kubeconfig: str = "", context: str = "") -> None:
    import asyncio

    from meshtui.operations.known_names import read_names

    asyncio.run(read_names(kubeconfig or None, context or None))

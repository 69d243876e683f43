"""Which credential plugins a person lets run: the policy that kubectl has in its kuberc.

https://kubernetes.io/docs/reference/kubectl/kuberc and, for what matches an entry, client-go's
`plugin/pkg/client/auth/exec/exec.go`. A kubeconfig names any program; this is what bounds it.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from meshtui.mesh import read

ALLOW_ALL, DENY_ALL, ALLOWLIST = "AllowAll", "DenyAll", "Allowlist"
_POLICY, _LIST = "credentialPluginPolicy", "credentialPluginAllowlist"


def why_forbidden(command: str, program: str) -> str:
    """Why the plugin may not run, `program` being where it is; empty where it may.

    A policy that makes no sense forbids everything: it was meant to forbid something.
    """
    path = _path()
    if path is None or not path.is_file():
        return ""
    try:
        preference = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        return f"the policy for credential plugins in {path} cannot be read"
    policy = read.text(preference, _POLICY) or ALLOW_ALL
    given = preference.get(_LIST) if isinstance(preference, dict) else None
    entries = [_command(entry) for entry in given] if isinstance(given, list) else []
    wrong = _wrong(policy, given, entries)
    if wrong:
        return f"the policy for credential plugins in {path} makes no sense: {wrong}"
    if policy == DENY_ALL or (policy == ALLOWLIST and not _listed(command, program, entries)):
        return f"{path} does not allow it ({_POLICY} {policy})"
    return ""


def _path() -> Path | None:
    """As kubectl finds it; None where it is switched off."""
    given = os.environ.get("KUBERC", "")
    return None if given == "off" else Path(given or "~/.kube/kuberc").expanduser()


def _command(entry: Any) -> str:
    """Kubernetes 1.35 calls it `name`."""
    return read.text(entry, "command") or read.text(entry, "name")


def _wrong(policy: str, given: Any, entries: Sequence[str]) -> str:
    if policy not in (ALLOW_ALL, DENY_ALL, ALLOWLIST):
        return f"there is no {_POLICY} {policy}"
    if policy != ALLOWLIST:
        return "" if given is None else f"{_LIST} belongs to {ALLOWLIST}"
    bad = not entries or any(entry != os.path.normpath(entry or " ") for entry in entries)
    return f"{ALLOWLIST} without a usable {_LIST}" if bad else ""


def _listed(command: str, program: str, entries: Sequence[str]) -> bool:
    if os.path.normpath(command) in entries or program in entries:
        return True
    name = os.path.basename(program)  # noqa: PTH119 - as client-go compares them
    same = (entry for entry in entries if os.path.basename(entry) == name)  # noqa: PTH119
    return any(shutil.which(entry) == program for entry in same)

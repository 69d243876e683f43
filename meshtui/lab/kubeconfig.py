"""The kubeconfig through which every client reaches the lab."""

from __future__ import annotations

import base64
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from meshtui.lab.api.access import User

_CLUSTER = "meshtui-lab"


def write_kubeconfig(
    directory: Path,
    url: str,
    users: Sequence[User],
    authority: str | None = None,
    namespace: str = "default",
) -> Path:
    """Write `directory/kubeconfig` (mode 0600) with a context per user, the first one current."""
    directory.mkdir(parents=True, exist_ok=True)
    target = directory / "kubeconfig"
    text = yaml.safe_dump(_config(url, users, authority, namespace), sort_keys=False)
    descriptor, temporary = tempfile.mkstemp(dir=directory, prefix=".kubeconfig-")
    try:
        with open(descriptor, "w") as file:  # noqa: PTH123 - mkstemp's descriptor is 0600
            file.write(text)
        os.replace(temporary, target)  # noqa: PTH105
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    return target


def _config(
    url: str, users: Sequence[User], authority: str | None, namespace: str
) -> dict[str, Any]:
    cluster = {"server": url}
    if authority is not None:
        cluster["certificate-authority-data"] = base64.b64encode(authority.encode()).decode()
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": _CLUSTER, "cluster": cluster}],
        "users": [{"name": u.name, "user": {"token": u.token}} for u in users],
        "contexts": [
            {
                "name": u.name,
                "context": {"cluster": _CLUSTER, "user": u.name, "namespace": namespace},
            }
            for u in users
        ],
        "current-context": users[0].name,
    }

"""The `auth-provider` of old kubeconfigs: a token of it is used, and never renewed here.

Renewing it means to trust an identity provider by a certificate of its own and to write a new
refresh token back into the kubeconfig, where kubectl and meshtui would race for it: an exec
plugin does that well.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from meshtui.kube.failures import Unauthenticated
from meshtui.mesh import read
from meshtui.mesh.text import clean

_EARLY_S = 10.0
_PLUGINS = {
    "oidc": "an exec plugin such as `kubectl oidc-login` (kubelogin)",
    "gcp": "the exec plugin `gke-gcloud-auth-plugin`",
    "azure": "the exec plugin `kubelogin`",
}


def provider_token(provider: Mapping[str, Any], now: datetime) -> str:
    """The ID token of an `auth-provider` while it is good.

    Raises Unauthenticated in one line, naming an exec plugin, for everything else.
    """
    name = read.text(provider, "name")
    plugin = _PLUGINS.get(name, "an exec plugin")
    if name != "oidc":
        raise Unauthenticated(
            f"the kubeconfig's auth-provider {clean(name, 40) or '(no name)'} is not supported",
            f"use {plugin} instead",
        )
    token = read.text(read.obj(provider, "config"), "id-token")
    expires = _expiry(token)
    if expires is None or now.timestamp() + _EARLY_S >= expires:
        raise Unauthenticated(
            "the ID token of the kubeconfig's auth-provider oidc has expired, and meshtui does"
            " not renew it",
            f"run `kubectl version`, which does, or use {plugin} instead",
        )
    return token


def _expiry(token: str) -> float | None:
    """Seconds since the epoch; None where it is no token that says so."""
    parts = token.split(".")
    if len(parts) != 3:
        return None
    try:
        padded = parts[1] + "=" * (-len(parts[1]) % 4)
        claims = json.loads(base64.urlsafe_b64decode(padded))
    except (ValueError, RecursionError):
        return None
    found = claims.get("exp") if isinstance(claims, dict) else None
    return float(found) if isinstance(found, int | float) and not isinstance(found, bool) else None

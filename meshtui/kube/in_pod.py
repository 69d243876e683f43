"""The service account of the pod that meshtui runs in, as the kubernetes client reads it.

Importing the client takes half a second, which what runs in a pod can spare.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from meshtui.errors import Unreachable
from meshtui.kube.kubeconfig import Context
from meshtui.kube.login import Authorization, Connection, Login
from meshtui.mesh.text import clean
from meshtui.paths import kubeconfig_paths

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")

CONTEXT, ACCOUNT = "in-cluster", "service account"


def in_pod(kubeconfig: str | None, context: str | None) -> bool:
    """Whether nothing but a service account says where the API server is."""
    if kubeconfig or context or any(path.is_file() for path in kubeconfig_paths(None)):
        return False
    return (SERVICE_ACCOUNT / "token").is_file() and "KUBERNETES_SERVICE_HOST" in os.environ


def pod_context() -> Context:
    try:
        found = (SERVICE_ACCOUNT / "namespace").read_text(encoding="utf-8").strip()
    except OSError:
        found = ""
    return Context(CONTEXT, CONTEXT, ACCOUNT, found or "default")


def pod_server() -> str:
    host = os.environ.get("KUBERNETES_SERVICE_HOST", "")
    port = os.environ.get("KUBERNETES_SERVICE_PORT", "")
    return f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"


def log_in_from_pod() -> Login:
    """Its token file is read again as it ages. Raises Unreachable."""
    from kubernetes.aio.client import Configuration
    from kubernetes.aio.config import ConfigException, load_incluster_config

    configuration = Configuration()
    try:
        load_incluster_config(client_configuration=configuration)  # type: ignore[no-untyped-call]
        authority = Path(str(configuration.ssl_ca_cert)).read_bytes()
    except (ConfigException, OSError) as error:
        raise Unreachable(
            f"the pod's service account cannot be used: {clean(str(error), 200)}",
            "set KUBECONFIG or try `meshtui demo`",
        ) from error
    connection = Connection(str(configuration.host), authority)
    return Login(connection, _authorization(configuration, ConfigException))


def _authorization(configuration: Any, unusable: type[Exception]) -> Authorization:
    async def now() -> str:
        try:
            found = await configuration.get_api_key_with_prefix("BearerToken")
        except unusable as error:
            raise OSError(str(error)) from error
        return str(found or "").strip()

    return now

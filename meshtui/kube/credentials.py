"""From a context to something the kubernetes client can connect with.

Importing this module imports the kubernetes client, which takes half a second: do it late.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml
from kubernetes.aio.client import Configuration
from kubernetes.aio.config import ConfigException, load_incluster_config
from kubernetes.aio.config.kube_config import KubeConfigLoader

from meshtui.errors import Unreachable, Usage
from meshtui.kube.kubeconfig import Context, choose_context, kubeconfig_paths, read_kubeconfig
from meshtui.kube.plugin import plugin_credentials
from meshtui.mesh import read
from meshtui.mesh.text import clean

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")

LOG_IN_S = 60.0

_HTTP = ("http://", "https://")
_USER = "user"
_BROKEN = (
    ConfigException,
    OSError,
    ValueError,
    TypeError,
    KeyError,
    AttributeError,
    yaml.YAMLError,
)


@dataclass(frozen=True, slots=True)
class Login:
    """What a request needs: the client's configuration and the headers to impersonate with."""

    configuration: Any
    headers: tuple[tuple[str, str], ...] = ()


def login_for(
    kubeconfig: str | None, context: str | None, namespace: str | None
) -> tuple[Context, Callable[[], Awaitable[Login]]]:
    """The context to use and how to log in to it, now and again when the login has expired.

    The kubeconfig is read again each time: its token may have been replaced by then.
    """
    if _in_pod(kubeconfig, context):
        chosen = Context("in-cluster", "in-cluster", "service account", _pod_namespace())

        async def from_pod() -> Login:
            return log_in_from_pod()

        return replace(chosen, namespace=namespace or chosen.namespace), from_pod
    chosen = choose_context(read_kubeconfig(kubeconfig), context)

    async def from_kubeconfig() -> Login:
        return await log_in(read_kubeconfig(kubeconfig), chosen, LOG_IN_S)

    return replace(chosen, namespace=namespace or chosen.namespace), from_kubeconfig


def _in_pod(kubeconfig: str | None, context: str | None) -> bool:
    if kubeconfig or context or any(path.is_file() for path in kubeconfig_paths(None)):
        return False
    return (SERVICE_ACCOUNT / "token").is_file() and "KUBERNETES_SERVICE_HOST" in os.environ


def _pod_namespace() -> str:
    try:
        return (SERVICE_ACCOUNT / "namespace").read_text(encoding="utf-8").strip() or "default"
    except OSError:
        return "default"


async def log_in(config: Mapping[str, Any], context: Context, seconds: float) -> Login:
    """Run what the context's user needs (exec plugin, OIDC, token file) and give the result.

    Raises Usage where the kubeconfig is not complete, NotAllowed where the plugin fails and
    Unreachable where it has not ended after `seconds`.
    """
    configuration = _configuration()
    user = _user(config, context)
    try:
        async with asyncio.timeout(seconds):
            if "exec" in user:
                user = {**user, **await plugin_credentials(read.obj(user, "exec"))}
            await _load(_with_user(config, context, user), context, configuration)
    except TimeoutError as error:
        raise Unreachable(
            f"logging in to {context.name} took more than {seconds:g} s",
            "run `kubectl version` to see what it waits for",
        ) from error
    except _BROKEN as error:
        raise Usage(
            f"the kubeconfig's context {context.name} cannot be used", clean(str(error), 200)
        ) from error
    return Login(configuration, _impersonation(user))


def log_in_from_pod() -> Login:
    """The service account of the pod meshtui runs in. Its token file is read again as it ages."""
    configuration = _configuration()
    try:
        load_incluster_config(client_configuration=configuration)  # type: ignore[no-untyped-call]
    except (ConfigException, OSError) as error:
        raise Unreachable(
            f"the pod's service account cannot be used: {clean(str(error), 200)}",
            "set KUBECONFIG or try `meshtui demo`",
        ) from error
    return Login(configuration)


def _configuration() -> Any:
    configuration = Configuration()
    # kubectl accepts the certificate authorities of old clusters, which RFC 5280 does not.
    configuration.disable_strict_ssl_verification = True
    return configuration


async def _load(config: dict[str, Any], context: Context, configuration: Any) -> None:
    loader: Any = KubeConfigLoader(  # type: ignore[no-untyped-call]
        config, active_context=context.name
    )
    await loader.load_and_set(configuration)
    host = str(configuration.host)
    if not host.startswith(_HTTP):
        raise ConfigException(f"its server {host} is not an http(s) address")
    if configuration.proxy and not str(configuration.proxy).startswith(_HTTP):
        raise ConfigException(f"its proxy-url {configuration.proxy} is not an http(s) address")


def _with_user(
    config: Mapping[str, Any], context: Context, user: Mapping[str, Any]
) -> dict[str, Any]:
    """The kubeconfig with `user` as the context's only one, what a plugin gave included.

    The loader fails on a context without a user; kubectl asks as nobody in particular.
    """
    fields = {key: value for key, value in user.items() if key != "exec"}
    entries = [dict(entry) for entry in config["contexts"] if entry["name"] == context.name]
    for entry in entries:
        entry["context"] = {**entry["context"], "user": _USER}
    return {**config, "contexts": entries, "users": [{"name": _USER, "user": fields}]}


def _user(config: Mapping[str, Any], context: Context) -> Mapping[str, Any]:
    for entry in config["users"]:
        if entry["name"] == context.user:
            fields: Mapping[str, Any] = entry["user"]
            return fields
    return {}


def _impersonation(user: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """The loader leaves out `as`: without it a person would act with more rights than meant."""
    headers = [("Impersonate-User", user["as"])] if user.get("as") else []
    headers += [("Impersonate-Uid", user["as-uid"])] if user.get("as-uid") else []
    headers += [("Impersonate-Group", group) for group in user.get("as-groups") or ()]
    for key, values in (user.get("as-user-extra") or {}).items():
        headers += [(f"Impersonate-Extra-{key}", value) for value in values]
    return tuple((name, str(value)) for name, value in headers)

"""From a context to something the kubernetes client can connect with.

Importing this module imports the kubernetes client, which takes half a second: do it late.
"""

from __future__ import annotations

import asyncio
import base64
import itertools
import os
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml
from kubernetes.aio.client import Configuration
from kubernetes.aio.config import ConfigException, load_incluster_config
from kubernetes.aio.config.kube_config import KubeConfigLoader

from meshtui.errors import Unreachable, Usage
from meshtui.kube.address import basic_auth, without_userinfo
from meshtui.kube.credential import Credential
from meshtui.kube.kubeconfig import Context, choose_context, kubeconfig_paths, read_kubeconfig
from meshtui.kube.oidc import provider_token
from meshtui.kube.plugin import Plugin, plugin_of
from meshtui.mesh import read
from meshtui.mesh.text import clean

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")

LOG_IN_S = 60.0
TALK_S = 300.0
"""For a plugin that may ask the person something."""

_GIVEN: dict[Plugin, Credential] = {}
"""What plugins gave in this process, as client-go keeps it."""

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
    """What a request needs: the client's configuration and the headers to impersonate with.

    `expires` is when a plugin's credential is over; None where nobody knows.
    """

    configuration: Any
    headers: tuple[tuple[str, str], ...] = ()
    expires: datetime | None = None

    @property
    def expired(self) -> bool:
        return self.expires is not None and datetime.now(UTC) >= self.expires


def login_for(
    kubeconfig: str | None,
    context: str | None,
    namespace: str | None,
    *,
    terminal: bool = False,
) -> tuple[Context, Callable[[], Awaitable[Login]]]:
    """The context to use and how to log in to it, now and again when the login has expired.

    The kubeconfig is read again each time: its token may have been replaced by then. A plugin's
    credential is used again by the next connection while it is good, but not by one that has
    seen it refused. `terminal`: a plugin may speak with the person.
    """
    if _in_pod(kubeconfig, context):
        chosen = Context("in-cluster", "in-cluster", "service account", _pod_namespace())

        async def from_pod() -> Login:
            return log_in_from_pod()

        return replace(chosen, namespace=namespace or chosen.namespace), from_pod
    chosen = choose_context(read_kubeconfig(kubeconfig), context)

    logins = itertools.count()

    async def from_kubeconfig() -> Login:
        first = next(logins) == 0
        seconds = LOG_IN_S if not terminal else TALK_S
        config = read_kubeconfig(kubeconfig)
        return await log_in(config, chosen, seconds, fresh=not first, terminal=terminal)

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


async def log_in(
    config: Mapping[str, Any],
    context: Context,
    seconds: float,
    *,
    fresh: bool = True,
    terminal: bool = False,
) -> Login:
    """Run what the context's user needs (exec plugin, token file) and give the result.

    Raises Usage where the kubeconfig is not complete, NotAllowed where the plugin fails and
    Unreachable where it has not ended after `seconds`.
    """
    configuration = _configuration()
    user = _user(config, context)
    expires = None
    try:
        async with asyncio.timeout(seconds):
            if "exec" in user and not _has_credentials(user):
                plugin = plugin_of(read.obj(user, "exec"), _cluster(config, context))
                found = await _credential(plugin, fresh=fresh, terminal=terminal)
                user, expires = {**user, **found.fields}, found.expires
            await _load(_with_user(config, context, user), context, configuration)
    except TimeoutError as error:
        raise Unreachable(
            f"logging in to {context.name} took more than {seconds:g} s",
            "run `kubectl version` to see what it waits for",
        ) from error
    except _BROKEN as error:
        raise Usage(
            f"the kubeconfig's context {context.name} cannot be used",
            clean(without_userinfo(str(error)), 200),
        ) from error
    return Login(configuration, _impersonation(user), expires)


async def _credential(plugin: Plugin, *, fresh: bool, terminal: bool) -> Credential:
    known = _GIVEN.get(plugin)
    if known is not None and not fresh and known.good_at(datetime.now(UTC)):
        return known
    _GIVEN.pop(plugin, None)
    given = await plugin.run(terminal=terminal)
    _GIVEN[plugin] = given
    return given


def _has_credentials(user: Mapping[str, Any]) -> bool:
    """Whether the user has some of their own, before which client-go leaves a plugin alone."""
    token = user.get("token") or user.get("tokenFile")
    basic = user.get("username")
    certificate = user.get("client-certificate") or user.get("client-certificate-data")
    return bool(token or basic or certificate)


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
    _ = urlsplit(host).port  # A ValueError where it is no address.
    configuration.host = without_userinfo(host)
    if basic_auth(host):
        configuration.api_key.setdefault("BearerToken", basic_auth(host))


def _with_user(
    config: Mapping[str, Any], context: Context, user: Mapping[str, Any]
) -> dict[str, Any]:
    """The kubeconfig with `user` as the context's only one, what a plugin gave included.

    The loader fails on a context without a user; kubectl asks as nobody in particular.
    """
    fields = {key: value for key, value in user.items() if key not in ("exec", "auth-provider")}
    if "auth-provider" in user and not _has_credentials(user):
        if "exec" in user:
            raise Usage("the kubeconfig's user has both an auth-provider and an exec")
        fields["token"] = provider_token(read.obj(user, "auth-provider"), datetime.now(UTC))
    entries = [dict(entry) for entry in config["contexts"] if entry["name"] == context.name]
    for entry in entries:
        entry["context"] = {**entry["context"], "user": _USER}
    return {**config, "contexts": entries, "users": [{"name": _USER, "user": fields}]}


def _cluster(config: Mapping[str, Any], context: Context) -> Mapping[str, Any]:
    """The context's cluster, with its certificate authority as data."""
    for entry in config["clusters"]:
        if entry["name"] == context.cluster:
            fields: dict[str, Any] = dict(entry["cluster"])
            file = fields.get("certificate-authority")
            if file and not fields.get("certificate-authority-data"):
                data = Path(str(file)).read_bytes()
                fields["certificate-authority-data"] = base64.b64encode(data).decode()
            return fields
    return {}


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

"""From a context of the kubeconfig to a login: what its user needs is run or read."""

from __future__ import annotations

import asyncio
import base64
import itertools
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from meshtui.errors import Unreachable, Usage
from meshtui.kube.address import without_userinfo
from meshtui.kube.credential import Credential
from meshtui.kube.in_pod import in_pod, log_in_from_pod, pod_context, pod_server
from meshtui.kube.kubeconfig import Context, choose_context, read_kubeconfig
from meshtui.kube.login import Login, always, authorization_of, connection_of, server_of
from meshtui.kube.oidc import provider_token
from meshtui.mesh import read
from meshtui.mesh.text import clean

if TYPE_CHECKING:
    from meshtui.kube.plugin import Plugin

LOG_IN_S = 60.0
TALK_S = 300.0
"""For a plugin that may ask the person something."""

_GIVEN: dict[Plugin, Credential] = {}
"""What plugins gave in this process, as client-go keeps it."""

_BROKEN = (OSError, ValueError, TypeError, KeyError, AttributeError)


def login_for(
    kubeconfig: str | None,
    context: str | None,
    namespace: str | None,
    *,
    terminal: bool = False,
) -> tuple[Context, Callable[[], Awaitable[Login]]]:
    """The context to use and how to log in to it, now and again when the login has expired.

    The kubeconfig is read again for each later log-in: its token may have been replaced by then.
    A plugin's credential is used again by the next connection while it is good, but not by one
    that has seen it refused. `terminal`: a plugin may speak with the person.
    """
    if in_pod(kubeconfig, context):
        chosen = pod_context()

        async def from_pod() -> Login:
            return await asyncio.to_thread(log_in_from_pod)

        return replace(chosen, namespace=namespace or chosen.namespace), from_pod
    known = read_kubeconfig(kubeconfig)
    chosen = choose_context(known, context)
    logins = itertools.count()

    async def from_kubeconfig() -> Login:
        first = next(logins) == 0
        seconds = LOG_IN_S if not terminal else TALK_S
        config = known if first else read_kubeconfig(kubeconfig)
        return await log_in(config, chosen, seconds, fresh=not first, terminal=terminal)

    return replace(chosen, namespace=namespace or chosen.namespace), from_kubeconfig


def server_for(kubeconfig: str | None, context: str | None) -> tuple[Context, str]:
    """The context to use and its API server, for what needs no login to it.

    Raises Usage or Unreachable.
    """
    if in_pod(kubeconfig, context):
        return pod_context(), pod_server()
    config = read_kubeconfig(kubeconfig)
    chosen = choose_context(config, context)
    try:
        return chosen, clean(server_of(_cluster(config, chosen)), 200)
    except _BROKEN as error:
        raise _unusable(chosen, error) from error


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
    user = _user(config, context)
    expires = None
    try:
        cluster = _cluster(config, context)
        async with asyncio.timeout(seconds):
            if "exec" in user and not _has_credentials(user):
                from meshtui.kube.plugin import plugin_of

                plugin = plugin_of(read.obj(user, "exec"), _with_authority(cluster))
                found = await _credential(plugin, fresh=fresh, terminal=terminal)
                user, expires = {**user, **found.fields}, found.expires
        known_by = authorization_of(cluster, _with_token(user))
        connection = connection_of(cluster, user)
    except TimeoutError as error:
        raise Unreachable(
            f"logging in to {context.name} took more than {seconds:g} s",
            "run `kubectl version` to see what it waits for",
        ) from error
    except _BROKEN as error:
        raise _unusable(context, error) from error
    return Login(connection, always(known_by), _impersonation(user), expires)


def _unusable(context: Context, error: Exception) -> Usage:
    return Usage(
        f"the kubeconfig's context {context.name} cannot be used",
        clean(without_userinfo(str(error)), 200),
    )


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


def _with_token(user: Mapping[str, Any]) -> Mapping[str, Any]:
    """The user with what an `auth-provider` gives, where nothing else tells who it is."""
    if "auth-provider" not in user or _has_credentials(user):
        return user
    if "exec" in user:
        raise Usage("the kubeconfig's user has both an auth-provider and an exec")
    token = provider_token(read.obj(user, "auth-provider"), datetime.now(UTC))
    return {**user, "token": token}


def _cluster(config: Mapping[str, Any], context: Context) -> Mapping[str, Any]:
    for entry in config["clusters"]:
        if entry["name"] == context.cluster:
            fields: Mapping[str, Any] = entry["cluster"]
            return fields
    raise ValueError(f"there is no cluster {context.cluster!r}")


def _with_authority(cluster: Mapping[str, Any]) -> Mapping[str, Any]:
    """The cluster as a plugin is shown it, with its certificate authority as data."""
    file = cluster.get("certificate-authority")
    if not file or cluster.get("certificate-authority-data"):
        return cluster
    data = base64.b64encode(Path(str(file)).read_bytes()).decode()
    return {**cluster, "certificate-authority-data": data}


def _user(config: Mapping[str, Any], context: Context) -> Mapping[str, Any]:
    for entry in config["users"]:
        if entry["name"] == context.user:
            fields: Mapping[str, Any] = entry["user"]
            return fields
    return {}


def _impersonation(user: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """Without it a person would act with more rights than meant."""
    headers = [("Impersonate-User", user["as"])] if user.get("as") else []
    headers += [("Impersonate-Uid", user["as-uid"])] if user.get("as-uid") else []
    headers += [("Impersonate-Group", group) for group in user.get("as-groups") or ()]
    for key, values in (user.get("as-user-extra") or {}).items():
        headers += [(f"Impersonate-Extra-{key}", value) for value in values]
    return tuple((name, str(value)) for name, value in headers)

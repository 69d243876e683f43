"""The API server: authenticates, authorizes, and hands each request to its handler."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING

from aiohttp import web

from meshtui.lab.api import (
    access,
    discovery,
    exec,  # noqa: A004
    impersonation,
    lists,
    openapi,
    podlog,
    portforward,
    proxy,
    reviews,
)
from meshtui.lab.api import request as requests
from meshtui.lab.api.access import User
from meshtui.lab.api.call import MAX_BODY, Call, Server, respond
from meshtui.lab.api.kinds import REVIEWS, Catalogue
from meshtui.lab.api.objects import answer_object
from meshtui.lab.api.request import Target
from meshtui.lab.api.status import (
    ApiError,
    NoSuchPath,
    details_of,
    internal_error,
    method_not_allowed,
    unauthorized,
)
from meshtui.lab.api.watch import Wakeup, answer_watch
from meshtui.lab.contract import PodRuntime
from meshtui.lab.store import Store

if TYPE_CHECKING:
    from meshtui.lab.certs import Certificate

log = logging.getLogger(__name__)

NAMESPACES = ("default", "kube-node-lease", "kube-public", "kube-system")
_HEALTH = ("/healthz", "/livez", "/readyz")
MOST_HEADERS = 2**20
"""Bytes of a request's line, as a kube-apiserver takes them."""

_SHUTDOWN_SECONDS = 1.0


class ApiServer:
    """Serves a `Store` as Kubernetes would; HTTPS with `certs`, plain HTTP without.

    Writes reach the store's subscribers before the client has its answer.
    """

    def __init__(
        self,
        store: Store,
        runtime: PodRuntime,
        users: Sequence[User] | None = None,
        certs: Certificate | None = None,
        bookmark_period: float = 60.0,
    ) -> None:
        self.store = store
        self.users = tuple(users) if users is not None else access.default_users()
        self.certs = certs
        self.url = ""
        self._catalogue = Catalogue()
        self._wakeup = Wakeup(store)
        self._server = Server(store, runtime, self.users, self._catalogue, bookmark_period)
        self._runner: web.AppRunner | None = None
        for name in NAMESPACES:
            self._ensure_namespace(name)

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> str:
        """Listen; the answer is the URL, with the port the system chose if `port` is 0."""
        app = web.Application(client_max_size=MAX_BODY)
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(
            app,
            access_log=None,
            handler_cancellation=True,
            shutdown_timeout=_SHUTDOWN_SECONDS,
            max_line_size=MOST_HEADERS,
            max_field_size=MOST_HEADERS,
        )
        await self._runner.setup()
        context = self.certs.server_context() if self.certs else None
        site = web.TCPSite(self._runner, host, port, ssl_context=context)
        await site.start()
        bound = self._runner.addresses[0][1]
        self.url = f"{'https' if self.certs else 'http'}://{host}:{bound}"
        return self.url

    async def stop(self) -> None:
        """End the watches, then the connections."""
        self._wakeup.stop()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    def _ensure_namespace(self, name: str) -> None:
        if self.store.get("", "namespaces", "", name) is None:
            namespace = {
                "metadata": {"name": name, "labels": {"kubernetes.io/metadata.name": name}},
                "spec": {"finalizers": ["kubernetes"]},
                "status": {"phase": "Active"},
            }
            self.store.put("", "namespaces", namespace, manager="kube-apiserver")

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        """Every request; whatever goes wrong becomes a Status."""
        try:
            return await self._answer(request)
        except NoSuchPath:
            return web.Response(status=404, text="404 page not found\n")
        except ApiError as error:
            return _failure(request, error)
        except ConnectionError:
            raise
        except Exception:
            log.exception("%s %s failed", request.method, request.rel_url)
            return _failure(request, internal_error())

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        user = access.authenticate(self.users, request.headers.get("Authorization"))
        if user is None:
            raise unauthorized()
        user = impersonation.acting_as(user, self.users, request)
        path = request.rel_url.raw_path
        target = requests.parse(self._catalogue, request.method, path, dict(request.query))
        if target is None:
            _authorize_path(user, request.method, request.path)
            return self._answer_path(request)
        _authorize(user, target)
        return await self._dispatch(Call(self._server, request, target, user))

    async def _dispatch(self, call: Call) -> web.StreamResponse:
        target = call.target
        if target.kind in REVIEWS:
            if target.verb != "create":
                raise method_not_allowed()
            return await reviews.answer_review(call)
        if target.subresource == "log" and target.verb == "get":
            return await podlog.answer_log(call)
        if target.subresource == "proxy":
            return await proxy.answer_proxy(call)
        if target.subresource == "portforward":
            return await portforward.answer_portforward(call)
        if target.subresource == "exec":
            return await exec.answer_exec(call)
        if target.subresource == "attach":
            raise ApiError(501, "NotImplemented", "the lab's containers cannot be attached to")
        if target.verb == "list":
            return lists.answer_list(call)
        if target.verb == "watch":
            return await answer_watch(call, self._wakeup)
        return await answer_object(call)

    def _answer_path(self, request: web.Request) -> web.Response:
        path = request.path.rstrip("/")
        if path in _HEALTH or path.startswith(tuple(f"{h}/" for h in _HEALTH)):
            return web.Response(text="ok")
        if path == "/version":
            return respond(discovery.VERSION)
        if path in ("/api", "/apis"):
            return self._answer_root(request, core=path == "/api")
        return self._answer_group(path)

    def _answer_root(self, request: web.Request, core: bool) -> web.Response:
        version = discovery.aggregated_version(request.headers.get("Accept", ""))
        if version:
            found = discovery.aggregated(self._catalogue, core, version)
            return respond(found, content_type=discovery.AGGREGATED.format(version))
        if core:
            return respond(discovery.api_versions(request.host))
        return respond(discovery.group_list(self._catalogue))

    def _answer_group(self, path: str) -> web.Response:
        match path.strip("/").split("/"):
            case ["apis", group] if group in self._catalogue.groups:
                return respond(discovery.group(self._catalogue, group))
            case ["apis", group, version] if self._serves(group, version):
                return respond(discovery.resource_list(self._catalogue, group, version))
            case ["api", version] if self._serves("", version):
                return respond(discovery.resource_list(self._catalogue, "", version))
            case ["openapi", "v2"]:
                return respond(openapi.swagger(self._catalogue))
            case ["openapi", "v3"]:
                return respond(openapi.index(self._catalogue))
            case ["openapi", "v3", "apis", group, version] if self._serves(group, version):
                return respond(openapi.document(self._catalogue, group, version))
            case ["openapi", "v3", "api", version] if self._serves("", version):
                return respond(openapi.document(self._catalogue, "", version))
        raise NoSuchPath

    def _serves(self, group: str, version: str) -> bool:
        return version in self._catalogue.groups.get(group, ())


def _failure(request: web.Request, error: ApiError) -> web.Response:
    """The error as a Status; an answer that has begun can only be cut off."""
    if request.writer.output_size:
        raise ConnectionResetError(error.message)
    return respond(error.to_json(), error.code)


def _authorize_path(user: User, method: str, path: str) -> None:
    verb = method.lower()
    if not user.may_path(verb, path):
        message = f'forbidden: User "{user.name}" cannot {verb} path "{path}"'
        raise ApiError(403, "Forbidden", message, {})


def _authorize(user: User, target: Target) -> None:
    """A WebSocket to a pod needs `create` besides the `get` it begins with, as from 1.35 on."""
    _authorize_verb(user, target, target.verb)
    if target.verb == "get" and target.subresource in access.CONNECTED:
        _authorize_verb(user, target, "create")


def _authorize_verb(user: User, target: Target, verb: str) -> None:
    kind, resource = target.kind, target.kind.plural
    if target.subresource:
        resource += f"/{target.subresource}"
    if user.may(verb, kind.group, resource, target.namespace):
        return
    subject = (
        f'{target.resource.qualified} "{target.name}"' if target.name else target.resource.qualified
    )
    where = f'in the namespace "{target.namespace}"' if target.namespace else "at the cluster scope"
    message = (
        f'{subject} is forbidden: User "{user.name}" cannot {verb} resource "{resource}" '
        f'in API group "{kind.group}" {where}'
    )
    raise ApiError(403, "Forbidden", message, details_of(target.resource, target.name))

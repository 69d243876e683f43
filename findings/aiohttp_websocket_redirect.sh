#!/usr/bin/env bash
# aiohttp's ws_connect follows redirects, and has no argument to stop it.
#
# One would guess: a WebSocket handshake that is answered 302 fails (RFC 6455 leaves it to the client),
#   or allow_redirects=False turns following off, as it does for get().
# Seen with aiohttp 3.14.5: the handshake goes on at the redirect's target, another port here, and the
#   socket that comes back looks like any other; `allow_redirects` is a TypeError. The history of the
#   response is on a private attribute only.
# Why it matters: port-forwards and exec to a proxy run over WebSockets. An ingress or a login page in
#   front of an API server answers with redirects, and what is then read is not from the proxy that
#   was asked. A cockpit that must know whom it reads has to look where the handshake ended.
. "$(dirname "$0")/environment"
with_packages aiohttp==3.14.5 <<'END'
import asyncio

import aiohttp
from aiohttp import web


async def serve(handler):
    app = web.Application()
    app.router.add_get("/", handler)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    return "http://%s:%d/" % runner.addresses[0]


async def socket(request):
    answer = web.WebSocketResponse()
    await answer.prepare(request)
    await answer.send_str("from the other server")
    await answer.close()
    return answer


async def main():
    other = await serve(socket)

    async def redirect(request):
        raise web.HTTPFound(other)

    asked = await serve(redirect)
    async with aiohttp.ClientSession() as session:
        async with session.ws_connect(asked) as connection:
            received = (await connection.receive()).data
        try:
            await session.ws_connect(asked, allow_redirects=False)
            refused = False
        except TypeError as error:
            print(error)
            refused = True
    print("asked one server, received:", received)
    return received, refused


seen = asyncio.run(main())
expected = ("from the other server", True)
print("still there" if seen == expected else f"changed: was {expected}")
raise SystemExit(seen != expected)
END

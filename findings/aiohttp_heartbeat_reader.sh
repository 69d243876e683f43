#!/usr/bin/env bash
# aiohttp's heartbeat cuts a WebSocket off whose other end is well, when one's own program pauses; and what had
# already come is lost.
#
# One would guess: ws_connect(heartbeat=1) tells whether the peer is alive, whoever reads the messages; and a
#   connection that is closed still gives out what it had received.
# Seen with aiohttp 3.14.5: the answers to the pings are handled where messages are received. The client reads one
#   message of 400, does something else for three seconds and reads on: the second is CLOSED, code 1006, "No PONG
#   received", 399 messages are gone, though the server answered each ping that reached it. Without the pause, or
#   without the heartbeat, all 400 come.
# Why it matters: port-forward, exec and log streams run over WebSockets. A screen that stops following, a prompt
#   that waits for a person, or a queue that is full, looks like a dead line, and the reconnection begins at a
#   gap. Let one task always receive, and limit what it keeps, or do without `heartbeat`.
. "$(dirname "$0")/environment"
with_packages aiohttp==3.14.5 <<'END'
import asyncio
import contextlib

import aiohttp
from aiohttp import web

COUNT = 400


async def talk(request):
    """Send all messages as fast as the client takes them, and answer its pings meanwhile."""
    socket = web.WebSocketResponse()
    await socket.prepare(request)

    async def send():
        with contextlib.suppress(ConnectionError):
            for _ in range(COUNT):
                await socket.send_bytes(b"x" * 16384)

    sending = asyncio.create_task(send())
    async for _ in socket:
        pass
    sending.cancel()
    return socket


async def read(session, url, pause, heartbeat):
    async with session.ws_connect(url, heartbeat=heartbeat) as socket:
        await socket.receive()
        await asyncio.sleep(pause)
        count = 1
        while count < COUNT:
            message = await asyncio.wait_for(socket.receive(), 30)
            if message.type is not aiohttp.WSMsgType.BINARY:
                return count, message.type.name, socket.close_code
            count += 1
        return count, "", None


async def main():
    application = web.Application()
    application.router.add_get("/", talk)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}/"
    seen = {}
    async with aiohttp.ClientSession() as session:
        for pause, heartbeat in ((0, 1), (3, None), (3, 1)):
            seen[pause, heartbeat] = await read(session, url, pause, heartbeat)
            print(f"pause {pause} s, heartbeat {heartbeat}:", seen[pause, heartbeat])
    await runner.cleanup()
    return seen


seen = asyncio.run(main())
whole = (COUNT, "", None)
changed = list(seen.values()) != [whole, whole, (1, "CLOSED", 1006)]
print("changed" if changed else "still there")
raise SystemExit(changed)
END

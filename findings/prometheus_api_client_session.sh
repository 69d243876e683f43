#!/usr/bin/env bash
# prometheus-api-client puts its retries over the adapter of the session that it is given, and with
# them a server's own words are lost.
#
# One would guess: PrometheusConnect(session=...) uses the session as it is, with the adapter that was
#   mounted for this very address (here: no retries), and an answer 503 becomes a
#   PrometheusApiClientException with the body, as each method documents for statuses other than 200.
# Seen with prometheus-api-client 0.7.2 and requests 2.32.5: it mounts an adapter of its own over the
#   session's, for everybody who shares the session; a 503 is asked for four times, and what is raised
#   is requests' RetryError, without the body, in which Prometheus said what is wrong.
# Why it matters: Prometheus answers 503 for a query that ran out of time. It gets that query four times
#   when it is busiest, a screen waits for all of them, and cannot say why there are no numbers. One has
#   to mount one's adapter again behind the constructor, or hand it a Retry that does nothing.
. "$(dirname "$0")/environment"
with_packages prometheus-api-client==0.7.2 requests==2.32.5 <<'END'
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import requests
from prometheus_api_client import PrometheusConnect
from requests.adapters import HTTPAdapter

WORDS = b'{"status": "error", "errorType": "timeout", "error": "query timed out in evaluation"}'
asked = []


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        asked.append(self.path)
        self.send_response(503)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(WORDS)))
        self.end_headers()
        self.wfile.write(WORDS)

    def log_message(self, *_):
        pass


server = HTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
url = f"http://127.0.0.1:{server.server_port}"
session = requests.Session()
once = HTTPAdapter(max_retries=0)
session.mount(url, once)
client = PrometheusConnect(url, session=session)
try:
    client.custom_query("up")
    raised, words = None, ""
except Exception as error:
    raised, words = type(error).__name__, str(error)
kept = session.get_adapter(url + "/api/v1/query") is once
print(f"requests: {len(asked)}; raised: {raised}; its words: {words[-60:]}")
print("the session's own adapter is", "still mounted" if kept else "replaced")
seen = (len(asked), raised, "timed out in evaluation" in words, kept)
expected = (4, "RetryError", False, False)
print("still there" if seen == expected else f"changed: was {expected}")
raise SystemExit(seen != expected)
END

#!/usr/bin/env bash
# prometheus-api-client's method="POST" sends the query in the URL, with an empty body.
#
# One would guess: PrometheusConnect(method="POST"), which its documentation recommends for large and
#   complex queries, puts the query into a form in the body, as Prometheus' API offers it for queries
#   that are too long for a URL.
# Seen with prometheus-api-client 0.7.2: the method is POST, the whole query stands in the request's
#   line, and the body is empty. A query that a proxy refuses as too long a URL (414) is as long as before.
# Why it matters: a query over a mesh names its workloads in one regular expression of many thousand
#   characters, and there is an ingress in front of many a Prometheus. POST has to be built by oneself.
. "$(dirname "$0")/environment"
with_packages prometheus-api-client==0.7.2 requests==2.32.5 <<'END'
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

from prometheus_api_client import PrometheusConnect

ANSWER = b'{"status": "success", "data": {"resultType": "vector", "result": []}}'
asked = []


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        asked.append((len(self.path), len(body)))
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(ANSWER)))
        self.end_headers()
        self.wfile.write(ANSWER)

    def log_message(self, *_):
        pass


server = HTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
names = "|".join(f"workload-{n}" for n in range(1000))
query = f'sum(rate(istio_requests_total{{destination_workload=~"{names}"}}[1m]))'
client = PrometheusConnect(f"http://127.0.0.1:{server.server_port}", method="POST")
client.custom_query(query)
((path, body),) = asked
print(f"a query of {len(query)} characters by POST: {path} characters of URL, {body} bytes of body")
there = path > len(query) and body == 0
print("still there" if there else "changed: the query is in the body")
raise SystemExit(not there)
END

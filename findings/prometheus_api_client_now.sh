#!/usr/bin/env bash
# prometheus-api-client's "last ten minutes" are those before it was imported; and its ranges are
# rounded to whole seconds, to the even one.
#
# One would guess: get_metric_range_data("up") without times asks for the last ten minutes, each time;
#   custom_query_range asks for the moments that it was given (Prometheus knows milliseconds).
# Seen with prometheus-api-client 0.7.2: the range ends at the moment of the import, for as long as the
#   process lives. A range from 0.5 s to 1.5 s becomes 0 to 2, and the same range a second later, 1.5 s
#   to 2.5 s, becomes 2 to 2: one moment.
# Why it matters: a program that stays open for a night shows the evening. And requests that were counted
#   between two scrapes of one second each are counted in twice the time or in none.
. "$(dirname "$0")/environment"
with_packages prometheus-api-client==0.7.2 requests==2.32.5 <<'END'
import threading
import time
from datetime import datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import parse_qs, urlsplit

from prometheus_api_client import PrometheusConnect

imported = time.time()
ANSWER = b'{"status": "success", "data": {"resultType": "matrix", "result": []}}'
asked = []


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        asked.append({key: value[0] for key, value in parse_qs(urlsplit(self.path).query).items()})
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(ANSWER)))
        self.end_headers()
        self.wfile.write(ANSWER)

    def log_message(self, *_):
        pass


server = HTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
client = PrometheusConnect(f"http://127.0.0.1:{server.server_port}")
time.sleep(5)
client.get_metric_range_data("up")
behind = time.time() - float(asked[-1]["time"])
print(f"asked {time.time() - imported:.0f} s after the import for a range that ended {behind:.0f} s ago")


def rounded(start, end):
    client.custom_query_range("up", datetime.fromtimestamp(start), datetime.fromtimestamp(end), "1")
    return asked[-1]["start"], asked[-1]["end"]


first, second = rounded(1_700_000_000.5, 1_700_000_001.5), rounded(1_700_000_001.5, 1_700_000_002.5)
print("…00.5 to …01.5 became", first, "and …01.5 to …02.5 became", second)
there = behind > 3 and first == ("1700000000", "1700000002") and second == ("1700000002",) * 2
print("still there" if there else "changed")
raise SystemExit(not there)
END

"""A model server as a process of its own, for tests of the supervision: `stand_in_server.py PORT [dies|mute|child]`.

`dies`: ends at once with a last word. `child`: starts a child that ignores SIGTERM and says its process id.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.path == "/health":
            self._answer({})
        elif self.headers.get("Authorization") != f"Bearer {os.environ['VLLM_API_KEY']}":
            self._answer({"error": "no key"}, 401)
        else:
            self._answer({"data": [{"id": "stand-in", "max_model_len": 4096}]})

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if not self.path.endswith("/chat/completions"):
            return self._answer({"error": "not here"}, 404)
        text = '{"mark":"zq7"}' if "response_format" in body else str(os.getpid())
        choice = {"message": {"content": text}, "finish_reason": "stop"}
        return self._answer({"model": "stand-in", "choices": [choice], "usage": {}})

    def _answer(self, value, status=200):
        data = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        pass


def main(port, *how):
    if "dies" in how:
        print("CUDA error: out of memory", flush=True)
        sys.exit(3)
    if "child" in how:
        ignoring = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"
        child = subprocess.Popen([sys.executable, "-c", ignoring])
        print(f"child {child.pid}", flush=True)
    ThreadingHTTPServer(("127.0.0.1", int(port)), Handler).serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])

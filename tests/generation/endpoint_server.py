"""An OpenAI-compatible server that misbehaves on request: threads on loopback."""

import json
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Server(ThreadingHTTPServer):
    """``faults`` are taken one a request, before the answer: a status, "hang", "drop", "html",
    "empty", "no choices"; where the prompt holds a key of ``poison``, its value is the fault."""

    daemon_threads = True
    request_queue_size = 256

    def __init__(self, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.name, self.root, self.answers_as = "tiny", "/models/tiny", "tiny"
        self.completions, self.chat, self.extended = True, True, True
        self.key = ""
        self.most = 10**6
        self.seconds = 0.0
        self.faults: list[str | int] = []
        self.poison: dict[str, str | int] = {}
        self.seen: list[dict] = []
        self.counts: Counter[str] = Counter()
        self.running = self.peak = 0
        self.lock = threading.Lock()
        self.ending = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"


class Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        card = {"id": self.server.name, "object": "model", "created": int(time.time())}
        card |= {"owned_by": "x", "root": self.server.root, "max_model_len": 1000}
        self._send(200, {"object": "list", "data": [card]})

    def do_POST(self) -> None:
        server = self.server
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        chat = self.path.endswith("/chat/completions")
        prompt = body["messages"][-1]["content"] if chat else body["prompt"]
        with server.lock:
            server.running += 1
            server.peak = max(server.peak, server.running)
            crowded = server.running > server.most
            server.seen.append(body)
            fault = server.faults.pop(0) if server.faults else ""
        try:
            fault = next((f for word, f in server.poison.items() if word in prompt), fault)
            self._answer(body, chat, prompt, 429 if crowded else fault)
        finally:
            with server.lock:
                server.running -= 1

    def _answer(self, body: dict, chat: bool, prompt: str, fault: str | int) -> None:
        server = self.server
        server.counts[str(fault)] += 1
        if server.key and self.headers.get("authorization") != f"Bearer {server.key}":
            return self._send(401, {"error": {"message": "bad key"}})
        if not (server.chat if chat else server.completions):
            return self._send(404, {"error": {"message": "no such path"}})
        if "top_k" in body and not server.extended:
            return self._send(400, {"error": {"message": "unknown field top_k"}})
        if isinstance(fault, int):
            return self._send(fault, {"error": {"message": f"fault {fault}"}}, retry="0.05")
        if fault == "hang":
            server.ending.wait(30)
        if fault in ("hang", "drop"):
            self.close_connection = True
            return self.connection.shutdown(socket.SHUT_RDWR)
        if fault in ("html", "empty"):
            return self._raw(200, b"<html>oops</html>" if fault == "html" else b"", "text/html")
        server.ending.wait(server.seconds)
        text = {"message": {"role": "assistant", "content": f"re: {prompt}"}}
        choice = text if chat else {"text": f"re: {prompt}"}
        choice |= {"index": 0, "finish_reason": "stop"}
        if body.get("logprobs") is not None and not chat:
            choice["logprobs"] = {"token_logprobs": [-1.0, -0.5], "tokens": ["a", "b"]}
        usage = {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7}
        answer = {"id": "1", "object": "x", "created": 1, "model": server.answers_as}
        choices = [] if fault == "no choices" else [choice]
        return self._send(200, answer | {"choices": choices, "usage": usage})

    def _send(self, status: int, value: dict, retry: str = "") -> None:
        self._raw(status, json.dumps(value).encode(), "application/json", retry)

    def _raw(self, status: int, data: bytes, kind: str, retry: str = "") -> None:
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(data)))
        if retry:
            self.send_header("retry-after", retry)
        self.end_headers()
        self.wfile.write(data)


@contextmanager
def serving(port: int = 0) -> Iterator[Server]:
    """A server while the block runs."""
    server = Server(port)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.ending.set()
        server.shutdown()
        server.server_close()
        thread.join()

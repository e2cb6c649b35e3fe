"""The part of the hub's API that uploads use, on loopback, keeping what it is given in memory."""

import base64
import hashlib
import json
import threading
from collections import defaultdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlparse


class FakeHub(ThreadingHTTPServer):
    """Repositories by "type/name": their files, and whether they are private.

    Commits to ``refuse_commits_to`` are answered with 403.
    """

    def __init__(self, token: str) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.token = token
        self.files: dict[str, dict[str, bytes]] = defaultdict(dict)
        self.private: dict[str, bool] = {}
        self.large: dict[str, bytes] = {}
        self.refuse_commits_to = ""
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    server: FakeHub
    protocol_version = "HTTP/1.1"

    def _answer(self, value: object, status: int = 200) -> None:
        data = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") == "chunked":
            parts = []
            while size := int(self.rfile.readline(), 16):
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(parts)
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _known(self) -> bool:
        if self.headers.get("Authorization") == f"Bearer {self.server.token}":
            return True
        self._answer({"error": "Invalid username or password."}, 401)
        return False

    def do_PUT(self) -> None:
        data, digest = self._body(), self.path.rsplit("/", 1)[-1]
        assert hashlib.sha256(data).hexdigest() == digest
        self.server.large[digest] = data
        self._answer({})

    def do_GET(self) -> None:
        self._answer({"error": "not found"}, 404)

    def do_POST(self) -> None:
        body, path = self._body(), urlparse(self.path).path
        if not self._known():
            return
        if path == "/api/validate-yaml":
            self._answer({"errors": [], "warnings": []})
        elif path == "/api/repos/create":
            asked = json.loads(body)
            name = f"{asked.get('organization')}/{asked['name']}"
            kind = asked.get("type", "model")
            self.server.private[f"{kind}/{name}"] = bool(
                asked.get("private") or asked.get("visibility") == "private"
            )
            prefix = "datasets/" if kind == "dataset" else ""
            self._answer({"url": f"{self.server.address}/{prefix}{name}", "name": name})
        elif path.endswith("/objects/batch"):
            objects = [
                {
                    "oid": o["oid"],
                    "size": o["size"],
                    "actions": {"upload": {"href": f"{self.server.address}/lfs/{o['oid']}"}},
                }
                for o in json.loads(body)["objects"]
            ]
            self._answer({"transfer": "basic", "objects": objects})
        elif path.startswith("/api/") and "/preupload/" in path:
            files = [
                {
                    "path": f["path"],
                    "uploadMode": "lfs"
                    if f["path"].endswith((".parquet", ".safetensors"))
                    else "regular",
                    "shouldIgnore": False,
                }
                for f in json.loads(body)["files"]
            ]
            self._answer({"files": files})
        elif path.startswith("/api/") and "/commit/" in path:
            self._commit(path, body)
        else:
            self._answer({"error": f"unknown {path}"}, 404)

    def _commit(self, path: str, body: bytes) -> None:
        kind, name = path.removeprefix("/api/").split("/commit/")[0].split("/", 1)
        repo = f"{kind.removesuffix('s')}/{name}"
        if repo == self.server.refuse_commits_to:
            self._answer({"error": "quota exceeded"}, 403)
            return
        for line in body.decode().splitlines():
            entry = json.loads(line)
            value = entry["value"]
            if entry["key"] == "file":
                self.server.files[repo][value["path"]] = base64.b64decode(value["content"])
            elif entry["key"] == "lfsFile":
                self.server.files[repo][value["path"]] = self.server.large[value["oid"]]
        where = f"{self.server.address}/{name}/commit/abc"
        self._answer({"success": True, "commitOid": "abc", "commitUrl": where})

    def log_message(self, *_: object) -> None:
        return None

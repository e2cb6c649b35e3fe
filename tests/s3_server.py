"""An S3 server for tests: moto's, which speaks the real protocol and honours conditional PUTs."""

import contextlib
import os
import socket
import subprocess
import sys
import time
import urllib.request
import uuid
from collections.abc import Iterator

START_S = 120.0
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "test-key",
    "AWS_SECRET_ACCESS_KEY": "test-secret",
    "AWS_DEFAULT_REGION": "us-east-1",
}


@contextlib.contextmanager
def s3_server() -> Iterator[dict[str, str]]:
    """A running server; yields the environment that its clients need."""
    # in a process of its own: its web framework leaves objects in sys.modules on which vLLM, which
    # looks through them, fails
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    address = f"http://127.0.0.1:{port}"
    try:
        _wait(address, server)
        yield CREDENTIALS | {"AWS_ENDPOINT_URL": address}
    finally:
        server.terminate()
        server.wait(timeout=30)


def _wait(address: str, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_S
    while True:
        try:
            urllib.request.urlopen(f"{address}/moto-api", timeout=5).close()
            return
        except OSError:
            assert server.poll() is None, "the S3 server ended"
            assert time.monotonic() < deadline, "the S3 server does not answer"
            time.sleep(0.2)


@contextlib.contextmanager
def s3_bucket() -> Iterator[tuple[str, dict[str, str]]]:
    """A new bucket: its URI and the environment, which is set while the block runs."""
    import s3fs  # noqa: PLC0415 - slow import

    with s3_server() as env:
        before = {name: os.environ.get(name) for name in env}
        os.environ.update(env)
        s3fs.S3FileSystem.clear_instance_cache()
        try:
            bucket = f"lbt-{uuid.uuid4().hex[:8]}"
            address = f"{env['AWS_ENDPOINT_URL']}/{bucket}"
            urllib.request.urlopen(
                urllib.request.Request(address, method="PUT"), timeout=30
            ).close()
            yield f"s3://{bucket}", env
        finally:
            s3fs.S3FileSystem.clear_instance_cache()
            for name, value in before.items():
                os.environ.pop(name) if value is None else os.environ.update({name: value})

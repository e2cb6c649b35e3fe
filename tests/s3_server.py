"""An S3 server for tests: moto's, which speaks the real protocol and honours conditional PUTs."""

import contextlib
import os
import urllib.request
import uuid
from collections.abc import Iterator

CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "test-key",
    "AWS_SECRET_ACCESS_KEY": "test-secret",
    "AWS_DEFAULT_REGION": "us-east-1",
}


@contextlib.contextmanager
def s3_server() -> Iterator[dict[str, str]]:
    """A running server; yields the environment that its clients need."""
    from moto.server import ThreadedMotoServer  # noqa: PLC0415 - slow import

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        yield CREDENTIALS | {"AWS_ENDPOINT_URL": f"http://{host}:{port}"}
    finally:
        server.stop()


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

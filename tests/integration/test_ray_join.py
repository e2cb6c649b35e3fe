"""Joining a running Ray cluster from its address alone."""

import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from ray_head import Head

from flows import ray_join

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
TOKEN = "0123456789abcdef0123456789abcdef"
JOIN = """
import sys
from flows.ray_join import join_ray
from lbt_core import UserError
try:
    join_ray(sys.argv[1])
except UserError as error:
    print("refused:", error)
else:
    import ray
    class Actor:  # Ray asks its owner about it, and sends pieces back by itself
        def pieces(self):
            yield 2
            yield 3
    actor = ray.remote(Actor).options(num_cpus=0).remote()
    pieces = actor.pieces.options(num_returns="streaming").remote()
    found = [ray.get(next(pieces), timeout=60) for _ in range(2)]
    print("joined:", ray.get(ray.remote(lambda: sum(found)).remote()))
"""


def environment(**changes: str) -> dict[str, str]:
    plain = {k: v for k, v in os.environ.items() if not k.startswith("RAY_")}
    return plain | {"RAY_USAGE_STATS_ENABLED": "0"} | changes


def join(address: str, env: Mapping[str, str]) -> str:
    done = subprocess.run(
        [sys.executable, "-c", JOIN, address],
        env=dict(env), capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    return done.stdout + done.stderr


@pytest.fixture
def folder() -> Iterator[Path]:
    # a short path: Unix sockets allow 107 characters
    with tempfile.TemporaryDirectory(prefix="lbt-", dir="/tmp", ignore_cleanup_errors=True) as path:
        yield Path(path)


def test_cluster_with_a_token_is_joined_and_a_refusal_says_why(folder: Path):
    token = folder / "token"
    token.write_text(TOKEN)
    head = Head(folder, environment(RAY_AUTH_TOKEN_PATH=str(token), RAY_AUTH_MODE="token"))
    try:
        # a token at hand is enough: nobody has to set RAY_AUTH_MODE as well
        assert "joined: 5" in join(head.address, environment(RAY_AUTH_TOKEN_PATH=str(token)))
        assert "joined: 5" in join(head.address, environment(RAY_AUTH_TOKEN=TOKEN))
        for env in (
            environment(HOME=str(folder)),
            environment(RAY_AUTH_TOKEN="f" * 32),
        ):
            said = join(head.address, env)
            assert f"refused: Ray at {head.address} refused this process" in said
            assert "asks for a token" in said
            assert "RAY_AUTH_TOKEN_PATH" in said
    finally:
        head.stop()


def test_cluster_without_authentication_is_joined_with_a_token_at_hand(folder: Path):
    head = Head(folder, environment(RAY_AUTH_MODE="disabled"))
    try:
        assert "joined: 5" in join(head.address, environment(RAY_AUTH_TOKEN=TOKEN))
        assert "joined: 5" in join(head.address, environment(HOME=str(folder)))
        said = join(head.address, environment(RAY_AUTH_TOKEN=TOKEN, RAY_AUTH_MODE="token"))
        assert f"refused: Ray at {head.address} asks for no token" in said
    finally:
        head.stop()


def test_a_head_that_says_nothing_is_not_taken_for_one_without_authentication(monkeypatch):
    """A cluster that is just starting: what is switched off for it stays off in every retry."""
    monkeypatch.setattr(ray_join, "PROBE_S", 1.0)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        assert not ray_join._answers_without_token(f"127.0.0.1:{silent.getsockname()[1]}")


def test_address_without_a_port_is_refused(folder: Path):
    assert "expected host:port" in join("127.0.0.1:head", environment())

"""``lbt up`` and ``lbt down`` against the real thing."""

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest
import yaml
from live_services import free_port, lbt, wait_for

from flows.supervision import belonging, is_running, read_state

ROOT = Path(__file__).parents[2]
CREDENTIALS = ("somebody", "secret")


def test_port_in_use_is_named_with_its_remedy(tmp_path: Path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        refused = lbt("up", "--home", str(tmp_path), "--port", port, cwd=tmp_path)
    assert refused.returncode == 2
    assert f"port {port}" in refused.stderr
    assert "--port" in refused.stderr
    assert len(refused.stderr.strip().splitlines()) == 1


def test_listening_beyond_loopback_needs_auth(tmp_path: Path):
    refused = lbt("up", "--home", str(tmp_path), "--host", "0.0.0.0", cwd=tmp_path)
    assert refused.returncode == 2
    assert "--auth" in refused.stderr


def test_down_without_up_has_nothing_to_do(tmp_path: Path):
    stopped = lbt("down", "--home", str(tmp_path), cwd=tmp_path)
    assert stopped.returncode == 0
    assert "Nothing to stop" in stopped.stderr


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder whose services are ended whatever happens."""
    path = tmp_path_factory.mktemp("services")
    yield path
    lbt("down", "--home", str(path / "home"), cwd=path)


@pytest.mark.slow
@pytest.mark.timeout(420)
def test_up_again_starts_what_died_and_down_leaves_nothing(folder: Path):
    home = folder / "home"
    port = free_port()
    options = ["--home", str(home), "--json", "--auth", ":".join(CREDENTIALS)]
    ports = ["--port", str(port), "--dashboard-port", str(free_port())]

    first = lbt("up", *options, *ports, cwd=folder)
    assert first.returncode == 0, first.stderr
    said = json.loads(first.stdout.splitlines()[-1])
    assert said["started"] == ["server", "ray", "reports", "worker"]
    deployments = f"{said['api']}/deployments/filter"
    assert httpx.post(deployments, json={}).status_code == 401
    wanted = yaml.safe_load((ROOT / "prefect.yaml").read_text("utf-8"))["deployments"]
    found = httpx.post(deployments, json={}, auth=CREDENTIALS).json()
    assert {d["name"] for d in found} == {d["name"] for d in wanted}
    assert httpx.get(f"{said['dashboard']}/api/jobs/").status_code == 401

    services = read_state(home)
    assert services is not None
    psutil.Process(services.processes["server"].pid).kill()
    wait_for(lambda: not is_running(services.processes["server"]), 10, "the server's end")
    again = lbt("up", *options, cwd=folder)
    assert again.returncode == 0, again.stderr
    second = json.loads(again.stdout.splitlines()[-1])
    assert second["started"] == ["server"]
    assert second["ui"] == said["ui"]

    stopped = lbt("down", "--home", str(home), cwd=folder)
    assert stopped.returncode == 0, stopped.stderr
    assert belonging(services.token) == []
    assert not Path(services.ray_temp).exists()
    for address in (port, int(services.ray_address.rsplit(":", 1)[1])):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", address))

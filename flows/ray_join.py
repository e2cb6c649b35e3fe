"""Joining a running Ray cluster: its token is sent, and a refusal says why."""

import contextlib
import logging
import os
import socket
import sys
import time

import ray
from ray.exceptions import AuthenticationError

from lbt_core import UserError

PROBE_S = 15.0
# A cluster that is just starting (a job's first seconds) opens its port a little later
PORT_S = 20.0
JOIN_HELP = (
    "the cluster asks for a token and this process has none, or another: set RAY_AUTH_TOKEN, or "
    "RAY_AUTH_TOKEN_PATH to the file, or copy ~/.ray/auth_token from the machine of its head"
)

OPEN_HELP = (
    "RAY_AUTH_MODE=token wants one; unset it to join without, or start the cluster with a token "
    "(`ray get-auth-token --generate`, then RAY_AUTH_MODE=token for `ray start`)"
)


def join_ray(address: str) -> None:
    """Connect to the cluster at ``address`` (``host:port`` of its head, or ``auto``).

    ``ray start`` turns token authentication on where a token is at hand, ``ray.init`` sends one
    only when it is told to: here it is told. A cluster without authentication is joined without:
    a process with a token also wants one from the cluster, whose calls it would refuse, so that
    no actor would start and no result arrive. Raises UserError naming what is wrong.
    """
    from ray._private.authentication.authentication_token_setup import (  # noqa: PLC0415
        AUTH_MODE_ENV_VAR,
        maybe_enable_token_auth_if_token_available,
    )
    from ray._raylet import (  # noqa: PLC0415 - as lazily as what is beside it
        AuthenticationMode,
        Config,
        get_authentication_mode,
    )

    noisy = logging.getLogger("ray._private.authentication.authentication_token_setup")
    noisy.setLevel(logging.ERROR)
    head = _head(address)
    if head is not None:
        _wait_for_port(head)
    if head is not None and _answers_without_token(head):
        if get_authentication_mode() == AuthenticationMode.TOKEN:
            raise UserError(f"Ray at {address} asks for no token: {OPEN_HELP}")
        os.environ[AUTH_MODE_ENV_VAR] = "disabled"
        Config.initialize("")  # Ray has read the variable when it was imported
    maybe_enable_token_auth_if_token_available(warn_if_disabled=False)
    if head is not None:
        _probe(head)
    try:
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
    except Exception as error:  # a node that is slow to start is a bare Exception
        raise UserError(f"Ray at {address} is not ready: {_one_line(error)}") from None


def _head(address: str) -> str | None:
    """``host:port`` of the head, where the address or this machine says it."""
    if address == "auto":
        from ray._private.services import (  # noqa: PLC0415 - only for this address
            canonicalize_bootstrap_address,
        )

        found: str | None = canonicalize_bootstrap_address("auto")
        return found
    return address if ":" in address and "://" not in address else None


def _answers_without_token(head: str) -> bool:
    """Whether a head answers a call that brings no token. One that refuses it, or is just starting
    and says nothing, keeps the token that this process may have."""
    import grpc  # noqa: PLC0415 - only for a cluster's address
    from ray.core.generated import gcs_service_pb2, gcs_service_pb2_grpc  # noqa: PLC0415

    with grpc.insecure_channel(head) as channel:
        stub = gcs_service_pb2_grpc.NodeInfoGcsServiceStub(channel)
        try:
            stub.GetClusterId(gcs_service_pb2.GetClusterIdRequest(), timeout=PROBE_S)
        except grpc.RpcError:
            return False
    return True


def _probe(address: str) -> None:
    """Ask the head one question first: ``ray.init`` hides why it was refused behind a timeout."""
    from ray._raylet import GcsClient  # noqa: PLC0415 - only for a cluster's address

    try:
        nodes = GcsClient(address=address).get_all_node_info(timeout=PROBE_S)
    except AuthenticationError:
        raise UserError(f"Ray at {address} refused this process: {JOIN_HELP}") from None
    except Exception as error:
        raise UserError(
            f"Ray at {address} does not answer: {_one_line(error)}; is its head running, and may "
            "this machine reach the port?"
        ) from None
    if not nodes:
        raise UserError(f"Ray at {address} has no node; start its head with `ray start --head`")


def _wait_for_port(address: str) -> None:
    """Wait a little for a head that is just starting. Raises UserError where nobody listens."""
    host, _, port = address.rpartition(":")
    if not port.isdigit():
        raise UserError(f"RAY_ADDRESS {address}: expected host:port of the cluster's head")
    deadline = time.monotonic() + PORT_S
    while True:
        try:
            with contextlib.closing(socket.create_connection((host, int(port)), timeout=5)):
                return
        except OSError as error:
            if time.monotonic() > deadline:
                raise UserError(
                    f"Ray at {address} does not answer ({error.strerror or error}): is its head "
                    "running, and may this machine reach the port?"
                ) from None
        time.sleep(0.5)


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())[:300] or type(error).__name__


def wait_for_nodes(address: str, nodes: int, patience: float = 300.0) -> int:
    """Wait until a cluster has so many living nodes; how many it has. Raises UserError."""
    deadline = time.monotonic() + patience
    while True:
        try:
            join_ray(address)
            break
        except UserError:
            if time.monotonic() > deadline:
                raise
            time.sleep(2.0)
    while True:
        alive = sum(node["Alive"] for node in ray.nodes())
        if alive >= nodes:
            return alive
        if time.monotonic() > deadline:
            raise UserError(f"Ray at {address}: {alive} of {nodes} nodes after {patience:.0f} s")
        time.sleep(1.0)


if __name__ == "__main__":
    try:
        print(f"Ray: {wait_for_nodes(sys.argv[1], int(sys.argv[2]))} nodes")
    except UserError as refusal:
        sys.exit(f"lbt: {refusal}")

"""``lbt view``: a page on this machine over what a run made."""

import contextlib
import ipaddress
import socket
import webbrowser
from typing import Annotated

import typer
from rich.console import Console

from lbt_core import UserError
from lbt_core.reporting.viewing.addresses import PORT


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("view")(view)


def view(
    run: Annotated[
        str, typer.Argument(metavar="RUN", help="Path or URI of the run: <store>/<run>.")
    ],
    host: Annotated[
        str, typer.Option(help="Address to listen on; another than loopback lets others read.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = PORT,
    browser: Annotated[bool, typer.Option("--browser", help="Open the page in a browser.")] = False,
) -> None:
    """Look at problems, rationales, exams and pairs of a run in a browser, while it runs or after.

    Nothing is written and nothing is fetched. The first line of stdout is the page's address.
    """
    import uvicorn  # noqa: PLC0415 - only where used

    from lbt_core.reporting.viewing.app import LOOPBACK, create_app  # noqa: PLC0415 - heavy
    from lbt_core.reporting.viewing.index import RunIndex  # noqa: PLC0415 - heavy

    index = RunIndex(run)
    alone = is_loopback(host)
    listening = _listen(host, port)
    address = f"http://{'[' + host + ']' if ':' in host else host}:{listening.getsockname()[1]}"
    console = Console(stderr=True)
    if not alone:
        console.print(
            f"Whoever reaches {host} can read this run: there is no password.", highlight=False
        )
    print(address, flush=True)
    if browser:
        webbrowser.open(address)
    app = create_app(index, LOOPBACK if alone else ("*",))
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False))
    try:
        with contextlib.suppress(KeyboardInterrupt):  # that is how it is ended
            server.run(sockets=[listening])
    finally:
        listening.close()


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach what listens there. Raises UserError for no address."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError:
        raise UserError(f"--host {host}: no such address on this machine") from None
    return all(ipaddress.ip_address(str(one[4][0])).is_loopback for one in found)


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except OSError as error:
        listening.close()
        raise UserError(
            f"{host}:{port}: {error.strerror}; choose another with --port, or 0 for a free one"
        ) from None
    listening.listen(128)
    return listening

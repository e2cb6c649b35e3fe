"""``prefect worker start`` whose worker outlives any outage of its server.

``python -m flows.prefect_worker worker start --pool lbt``. Prefect's worker gives up after a dozen
polls without an answer, and ends the runs that it started when it ends. Here it goes on asking: a
run needs its worker's process and not the server, and is there when the server is back.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from prefect.cli import app
from prefect.logging import get_logger
from prefect.utilities.services import critical_service_loop
from prefect.workers import base, process


def patient(loop: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
    """The loop, begun again whenever it has given up on the server."""
    logger = get_logger("worker")

    async def forever(*arguments: Any, **options: Any) -> None:
        while True:
            try:
                await loop(*arguments, **options)
                return
            except RuntimeError as error:  # raised only when its error threshold is exceeded
                if "threshold" not in str(error):
                    raise
                logger.warning("The Prefect server does not answer; asking on.")

    return forever


def main() -> None:
    """Become the command line of Prefect."""
    for module in (base, process):
        module.critical_service_loop = patient(critical_service_loop)  # type: ignore[attr-defined]
    app()


if __name__ == "__main__":
    main()

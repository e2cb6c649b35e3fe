"""``prefect server start`` with SQLite transactions that take their write lock when they begin.

``python -m flows.prefect_server server start --port 4200``. Prefect 3.7 begins most transactions
deferred. One that reads and then writes while another connection has written in between is refused
at once ("database is locked", whatever the busy timeout; PrefectHQ/prefect issue 23051), and the
mode leaks into tasks that are started inside of a transaction. Under a burst of failing task runs
that can stop the server from answering. Here a transaction waits for its turn instead. Other
databases are not touched.
"""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

from prefect.cli import app
from prefect.server.database import configurations


@asynccontextmanager
async def begin_immediate(
    _configuration: Any, session: Any, with_for_update: bool = True
) -> AsyncGenerator[Any]:
    """A transaction whose BEGIN IMMEDIATE is sent before anything else is done."""
    async with session.begin() as transaction:
        token = configurations.SQLITE_BEGIN_MODE.set("IMMEDIATE")
        try:
            await session.connection()
        finally:
            configurations.SQLITE_BEGIN_MODE.reset(token)
        yield transaction


def main() -> None:
    """Become the command line of Prefect."""
    configurations.AioSqliteConfiguration.begin_transaction = begin_immediate
    app()


if __name__ == "__main__":
    main()

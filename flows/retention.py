"""How long Prefect's database keeps runs that are over; the store is never touched.

Prefect's own vacuum does the work, in its server or its services: once an hour it deletes flow runs
that ended longer ago, with their task runs, and the logs and artifacts of runs that are gone.
"""


def retention(days: int | None) -> dict[str, str]:
    """The Prefect server's settings for keeping runs so many days; None keeps all of them."""
    if days is None:
        return {}
    return {
        "PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED": "events,flow_runs",
        "PREFECT_SERVER_SERVICES_DB_VACUUM_RETENTION_PERIOD": str(days * 86400),
    }

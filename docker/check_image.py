"""The build's last step: everything that a run imports is there. Arguments: further modules."""

import importlib
import sys

MODULES = (
    *("flows.cli", "flows.pipeline", "flows.prefect_worker", "flows.prefect_server"),
    *("tasks.training", "tasks.tuning", "lbt_core.reporting.report", "lbt_core.training.dpo"),
    *("prefect.server.api.server", "prefect.server.services", "prefect_kubernetes"),
    *("ray", "prefect", "torch", "transformers", "trl", "peft", "pyarrow", "s3fs", "asyncpg"),
)


def main() -> None:
    """Import every module; the first that is missing fails the build."""
    for name in (*MODULES, *sys.argv[1:]):
        importlib.import_module(name)
    print("imports: all there")


if __name__ == "__main__":
    main()

"""Pools, deployments and automations on the server that PREFECT_API_URL names, once it answers.

Runs work in /store, so a relative store is relative to it.
"""

import os
import sys

from flows.outages import wait_for_server
from flows.provision import provision

PASSED_ON = ("PREFECT_", "RAY_", "LBT_", "AWS_")


def main() -> None:
    """Provision; exits with 1 where the server does not come up within five minutes."""
    if not wait_for_server(300.0, "the deployments are to be registered"):
        sys.exit("the Prefect server does not answer")
    provision("/store", {k: v for k, v in os.environ.items() if k.startswith(PASSED_ON)})


if __name__ == "__main__":
    main()

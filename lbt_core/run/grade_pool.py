"""The grading workers of a run's configuration, on this machine."""

import os

from lbt_core.run.config import RunConfig
from lbt_core.subjects import GradePool


def grade_pool(config: RunConfig) -> GradePool:
    """A pool of the run's subject with its limits, as many workers as this machine's CPUs give."""
    grading = config.grading
    return GradePool(
        grading.workers_on(len(os.sched_getaffinity(0))),
        grading.time_limit_s,
        grading.memory_mib,
        subject=config.subject,
    )

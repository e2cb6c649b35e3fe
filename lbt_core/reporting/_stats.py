"""Adapter to the statistics (stand-in until lbt_core.evaluation is there)."""

from collections.abc import Sequence

import numpy as np
from scipy.stats import binomtest


def wilson(right: int, n: int) -> tuple[float, float]:
    if n == 0:
        return (0.0, 1.0)
    interval = binomtest(right, n).proportion_ci(0.95, method="wilson")
    return (float(interval.low), float(interval.high))


def mcnemar(gained: int, lost: int) -> float:
    n = gained + lost
    return 1.0 if n == 0 else float(binomtest(gained, n, 0.5).pvalue)


def paired_bootstrap(first: Sequence[bool], second: Sequence[bool]) -> tuple[float, float]:
    delta = np.asarray(second, float) - np.asarray(first, float)
    rng = np.random.default_rng(0)
    means = delta[rng.integers(0, len(delta), (10_000, len(delta)))].mean(1)
    low, high = np.quantile(means, [0.025, 0.975])
    return (float(low), float(high))


def mean_interval(values: Sequence[float]) -> tuple[float, float]:
    from scipy.stats import t

    mean, sem = float(np.mean(values)), float(np.std(values, ddof=1) / np.sqrt(len(values)))
    half = float(t.ppf(0.975, len(values) - 1)) * sem
    return (mean - half, mean + half)

"""Benchmarks are scripts beside each other: their folder is where they find their own modules."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

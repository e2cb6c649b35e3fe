"""LbT, learning by teaching: the method itself, importable without Prefect, Ray, vLLM or torch."""

__version__ = "0.1.0"

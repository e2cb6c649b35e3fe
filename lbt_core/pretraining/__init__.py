"""Pretraining of the embedded model, and where the shipped one lies."""

from pathlib import Path


def embedded_model_path() -> Path:
    """The folder of the tiny model that comes with the package."""
    return Path(__file__).parent.parent / "data" / "tiny-llama"

"""The embedded tiny model that runs everything without a download."""

from pathlib import Path


def embedded_model_path() -> Path:
    """The folder of the tiny model that comes with the package."""
    return Path(__file__).parent / "tiny-llama"

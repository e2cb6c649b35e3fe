"""Text generation: one protocol, two engines."""

from lbt_core.generation.engine import (
    Completion,
    Engine,
    EngineDied,
    EngineSpec,
    EngineStats,
    ModelCannotLoad,
    Request,
    Settings,
    build_engine,
)

__all__ = [
    "Completion",
    "Engine",
    "EngineDied",
    "EngineSpec",
    "EngineStats",
    "ModelCannotLoad",
    "Request",
    "Settings",
    "build_engine",
]

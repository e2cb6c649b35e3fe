"""The sentence that a user reads where a model cannot be loaded."""

import pytest

from lbt_core.generation.refusals import explain, root_cause

# the words of the libraries: huggingface_hub 2, vLLM 0.32, torch 2.13, safetensors, Triton 3
CORE_LOG = """\
(EngineCore pid=812) ERROR 11-27 02:10:11 [core.py:1103] EngineCore failed to start.
(EngineCore pid=812) ERROR 11-27 02:10:11 [core.py:1103] Traceback (most recent call last):
(EngineCore pid=812) ERROR 11-27 02:10:11 [core.py:1103]   File "core.py", line 9, in run
(EngineCore pid=812) ERROR 11-27 02:10:11 [core.py:1103]     self.load()
(EngineCore pid=812) ERROR 11-27 02:10:11 [core.py:1103] {raised}
(EngineCore pid=812) Process EngineCore:
(EngineCore pid=812) Traceback (most recent call last):
(EngineCore pid=812)   File "process.py", line 314, in _bootstrap
(EngineCore pid=812) RuntimeError: WorkerProc initialization failed due to an exception in it.
"""
HOLLOW = RuntimeError("Engine core initialization failed. See root cause above. Failed procs: {}")
KINDS = {
    "gated": (
        "OSError: You are trying to access a gated repo.\nMake sure to have access to it",
        "gated",
        "accept the licence",
    ),
    "not authorised": (
        "GatedRepoError: 403 Client Error. Cannot access gated repo for url https://h/a/b",
        "gated",
        "hf auth login",
    ),
    "GPU memory": (
        "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 224.00 MiB.",
        "out of memory",
        "engines.tensor_parallel",
    ),
    "GPU in use": (
        "ValueError: Free memory on device cuda:0 (3.1/79.2 GiB) on startup is less than desired",
        "out of memory",
        "engines.gpu_memory_utilization",
    ),
    "KV cache": (
        "ValueError: To serve at least one request with the models's max seq len (8192), 1.0 GiB "
        "KV cache is needed, which is larger than the available KV cache memory (0.2 GiB).",
        "out of memory",
        "teacher.max_model_len",
    ),
    "main memory": (
        "RuntimeError: [enforce fail at alloc_cpu.cpp:124] DefaultCPUAllocator: can't allocate "
        "memory: you tried to allocate 1073741824 bytes.",
        "out of memory",
        "lbt plan",
    ),
    "no weights": (
        "OSError: Error no file named model.safetensors found in directory /m.",
        "no safetensors weights",
        "*.safetensors",
    ),
    "KV cache on a CPU": (
        "ValueError: Available memory on node 0 (10.5/15.84 GiB) on kv cache allocation is less "
        "than requested memory for kv (2000.0 GiB).",
        "out of memory",
        "engines.kv_cache_gib",
    ),
    "torn weights": (
        "safetensors_rust.SafetensorError: Error while deserializing header: incomplete metadata, "
        "file not fully covered",
        "weight file is torn",
        "fetch or copy the weights again",
    ),
    "no compiler": (
        "torch._inductor.exc.InductorError: RuntimeError: Failed to find C compiler. Please "
        "specify via CC environment variable",
        "no C compiler",
        "apt-get install gcc",
    ),
    "no headers": (
        "RuntimeError: main.c:4:10: fatal error: Python.h: No such file or directory",
        "headers of Python",
        "python3-dev",
    ),
    "architecture": (
        "ValidationError: 1 validation error for ModelConfig\n  Value error, Model architectures "
        "['FooForCausalLM'] are not supported for now.",
        "architecture is not known",
        "choose another model",
    ),
    "no such model": (
        "RepositoryNotFoundError: 404 Client Error. Repository Not Found for url: https://h/a/b",
        "no such folder, hub repository or revision",
        "teacher.revision",
    ),
    "no network": (
        "LocalEntryNotFoundError: outgoing traffic has been disabled (HF_HUB_OFFLINE)",
        "not in the local hub cache",
        "hf download",
    ),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("where", ["in the exception", "in the core's log"])
def test_the_sentence_says_what_is_wrong_and_what_to_do(kind: str, where: str) -> None:
    raised, wrong, remedy = KINDS[kind]
    if where == "in the exception":
        found = explain("org/model", raised)
    else:
        # a multi-line message gets the log's prefix on each of its lines
        lines = raised.split("\n")
        prefix = CORE_LOG.splitlines()[0].split("EngineCore failed")[0]
        found = explain(
            "org/model", HOLLOW, CORE_LOG.replace("{raised}", f"\n{prefix}".join(lines))
        )
    assert found.startswith("org/model cannot be loaded: ")
    assert wrong in found
    assert remedy in found
    assert "\n" not in found
    assert "see root cause above" not in found.lower()


def test_what_is_not_known_is_told_in_the_library_s_own_words() -> None:
    log = CORE_LOG.replace("{raised}", "AssertionError: the moon is full")
    assert explain("m", HOLLOW, log) == "m cannot be loaded: AssertionError: the moon is full"


def test_first_exception_is_the_cause() -> None:
    log = CORE_LOG.replace("{raised}", "ValueError: first")
    assert root_cause(log) == "ValueError: first"
    assert root_cause("a warning\nRuntimeWarning: nothing\n") == ""

"""Why a model cannot be loaded, in a sentence that says what to do.

The libraries' own messages are long, name internals, and where vLLM's engine core is a process of
its own, stand in its output and not in the exception. ``explain`` finds the cause in both.
"""

import re
from collections.abc import Iterator

# "(EngineCore pid=7) ERROR 07-01 10:00:00 [core.py:1099] " stands before the lines of a log
_PREFIX = re.compile(r"^(?:\([^()]*pid=\d+\)\s*)?(?:[A-Z]+ \d\d-\d\d [\d:.]+ \[[^\]]*\]\s?)?")
_RAISED = re.compile(r"^(?:[\w.]+\.)?(\w*(?:Error|Exception|Refused|Interrupt)\w*)(?::\s*(.*))?$")
_HEADER = "Traceback (most recent call last)"
# what a parent process says about a child's failure, which says nothing
_HOLLOW = re.compile(r"see (?:the )?(?:stack trace|root cause)|initialization failed due to", re.I)
SHOWN = 300
MESSAGE_LINES = 6

# (pattern of the libraries' words, what is wrong, what to do); the first that is found counts
_KNOWN: tuple[tuple[str, str, str], ...] = (
    (
        r"GatedRepo|gated repo|access to model .* is restricted|401 Client Error|"
        r"403 Client Error",
        "its repository is gated and this machine may not read it",
        "accept the licence on the model's page and log in with `hf auth login`, or set HF_TOKEN, "
        "on every machine of the cluster",
    ),
    (
        r"OutOfMemory|out of memory|Free memory on device|is less than requested memory|"
        r"No available memory for the cache|"
        r"larger than the (?:available|maximum) (?:KV cache|number of tokens)|can't allocate memory"
        r"|DefaultCPUAllocator|\bMemoryError|Cannot allocate memory|was killed as it loaded",
        "out of memory",
        "set teacher.max_model_len lower, engines.tensor_parallel higher or "
        "engines.gpu_memory_utilization to what is free (on a CPU engines.kv_cache_gib lower), and "
        "see what else uses the memory; `lbt plan` says what fits",
    ),
    (
        r"SafetensorError|HeaderTooLarge|HeaderTooSmall|InvalidHeader|MetadataIncompleteBuffer|"
        r"deserializing header|incomplete metadata",
        "a weight file is torn",
        "fetch or copy the weights again (compare the files' sizes with the source's)",
    ),
    (
        r"Failed to find C compiler|No such file or directory: '(?:gcc|cc|g\+\+|clang)'|"
        r"InvalidCxxCompiler|No working C\+\+ compiler",
        "no C compiler is installed, which Triton and torch.compile need",
        "install one on every machine with a GPU (apt-get install gcc g++)",
    ),
    (
        r"Python\.h: No such file",
        "the headers of Python are not installed, which Triton needs",
        "install them on every machine with a GPU (apt-get install python3-dev, of this Python's "
        "version)",
    ),
    (
        r"architectures? .*(?:not supported|cannot be)|does not recognize this architecture|"
        r"has no \w+ implementation|Unrecognized model in|should have a `model_type` key|"
        r"Unrecognized configuration class|no module or parameter named",
        "its architecture is not known to this engine",
        "choose another model, or another version of the engine",
    ),
    (
        r"Cannot find any model weights|no file named .*safetensors|"
        r"Error no file named|does not appear to have (?:a file named|files named) .*safetensors",
        "it has no safetensors weights",
        "give a model with *.safetensors files; other formats are not loaded",
    ),
    (
        r"Connection|offline mode|HF_HUB_OFFLINE|LocalEntryNotFound|Max retries|couldn't connect|"
        r"cannot find the requested files in the (?:local|disk) cache",
        "it is not in the local hub cache and the hub cannot be reached",
        "fetch it first (`hf download`), or give the path of a folder",
    ),
    (
        r"RepositoryNotFound|RevisionNotFound|is not a local folder and is not a valid model|"
        r"404 Client Error|Invalid repository ID|Repo id must|Invalid rev id",
        "there is no such folder, hub repository or revision",
        "check teacher.path and teacher.revision (students alike)",
    ),
)


def explain(model: str, error: BaseException | str, log: str = "") -> str:
    """One line: the model, what is wrong, what to do, and the library's own words.

    ``log`` is what the engine's processes wrote; its first exception is the cause, where the
    error's own message only points at it.
    """
    own = f"{type(error).__name__}: {error}" if isinstance(error, BaseException) else error
    cause = root_cause(log) or _line(own)
    for pattern, wrong, remedy in _KNOWN:
        if re.search(pattern, f"{cause}\n{own}"):
            return f"{model} cannot be loaded: {wrong}; {remedy} ({_short(cause)})"
    return f"{model} cannot be loaded: {_short(cause)}"


def hollow(message: str) -> bool:
    """Whether a message only points at another one."""
    return _HOLLOW.search(message) is not None


def root_cause(log: str) -> str:
    """The exception that the first traceback of a log ends in, with its message; "" without one.

    Later ones follow from it: what was raised from it, and what parent processes make of it.
    """
    lines = [_PREFIX.sub("", line) for line in log.splitlines()]
    found, inside = "", False
    for number, line in enumerate(lines):
        inside = inside or _HEADER in line
        raised = _RAISED.match(line.strip()) if inside and not line.startswith(" ") else None
        if raised is None:
            continue
        inside = False
        message = [raised[2] or "", *_more(lines[number + 1 :])]
        found = _line(f"{raised[1]}: {' '.join(message)}").rstrip(": ")
        if not hollow(found):
            return found
    return found


def _more(lines: list[str]) -> Iterator[str]:
    """The further lines of an exception's message, at most MESSAGE_LINES."""
    for line in lines[:MESSAGE_LINES]:
        if _HEADER in line or line.startswith("Process ") or "exception" in line:
            return
        yield line


def _line(text: str) -> str:
    return " ".join(text.split())


def _short(text: str) -> str:
    line = _line(text)
    return line if len(line) <= SHOWN else line[: SHOWN - 1] + "…"

"""Seeds derived from content, so that a row's seed does not depend on where or when it is made."""

import hashlib


def derive_seed(seed: int, *parts: object) -> int:
    """A seed in [0, 2^31) from a base seed and the parts that identify what it is for."""
    text = "\x00".join(map(str, (seed, *parts)))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") >> 1

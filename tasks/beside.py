"""Work beside a block, in a thread of its own: asked to end when the block does, and waited for."""

import contextlib
import threading
from collections.abc import Callable, Iterator


@contextlib.contextmanager
def beside(work: Callable[[threading.Event], None], name: str | None = None) -> Iterator[None]:
    """``work`` runs while the block does; it ends soon after the event that it is given is set."""
    over = threading.Event()
    thread = threading.Thread(target=work, args=(over,), daemon=True, name=name)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()

"""``python -m flows.cli`` is ``lbt``."""

from flows.cli import main

main()

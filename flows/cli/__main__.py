"""``python -m flows.cli`` is ``lbt``."""

from flows.cli import main

if __name__ == "__main__":  # vLLM's processes import it under another name
    main()

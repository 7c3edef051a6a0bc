"""`python -m livestyle` is the `livestyle` command."""

import sys

from livestyle.cli import main

if __name__ == "__main__":  # the worker process imports this module again; it must not run twice
    sys.exit(main())

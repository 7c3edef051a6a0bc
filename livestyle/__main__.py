"""`python -m livestyle`, and what the `livestyle` command runs."""

import signal
import sys

# Until there is something that catches it, Ctrl-C just ends the program. The worker process imports
# this module too: there it is held back, see livestyle.supervisor.
signal.signal(signal.SIGINT, signal.SIG_DFL)

from livestyle.cli import main  # noqa: E402


def command() -> int:
    """The livestyle command. Returns its exit code."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    return main()


if __name__ == "__main__":  # the worker must not run it twice
    sys.exit(command())

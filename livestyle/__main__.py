"""`python -m livestyle`, and what the `livestyle` command runs."""

import signal
import sys

# Until main catches it, Ctrl-C just ends the program. The worker process imports this module too:
# there it is held back, see livestyle.front.supervisor.
signal.signal(signal.SIGINT, signal.SIG_DFL)

from livestyle.commands import main  # noqa: E402

if __name__ == "__main__":  # the worker must not run it twice
    sys.exit(main())

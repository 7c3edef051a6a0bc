"""The front: the process that never dies. It owns the sinks, the output clock and the worker."""

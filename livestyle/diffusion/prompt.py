"""Prompts are encoded beside the frame path: on a thread of their own, the newest first."""

from __future__ import annotations

import os
import sys
import threading
from collections import OrderedDict
from collections.abc import Callable

import torch

from livestyle.between.mailbox import Closed, Mailbox
from livestyle.diffusion.denoiser import Embedding

KEPT = 32  # encoded prompts
_NICE = 19  # Linux: a thread has a priority of its own, and those it starts inherit it


class Prompts:
    """Encodes prompts and keeps the last 32. `newest` is the last asked for that is encoded,
    as text and embedding.

    encode: takes long; called on the thread that makes this, and then on a thread of its own.
    """

    def __init__(self, encode: Callable[[str], Embedding], first: str) -> None:
        self._encode = encode
        self._kept: OrderedDict[str, Embedding] = OrderedDict()
        self._asked: Mailbox[str] = Mailbox()
        self.failure: BaseException | None = None
        self.newest = first, self._embedding(first)
        self._news = threading.Condition()  # of `newest` and `failure`
        self._thread = threading.Thread(target=self._run, name="prompts", daemon=True)
        threads = torch.get_num_threads()
        self._ready = threading.Event()
        self._thread.start()
        self._ready.wait()
        torch.set_num_threads(threads)  # it is also what threads to come begin with

    def ask(self, text: str) -> None:
        """Have a prompt encoded; one asked for before that is still waiting is left out."""
        self._asked.put(text)

    def wait_for(self, text: str) -> None:
        """Wait until that is the newest, or encoding has failed."""
        with self._news:
            self._news.wait_for(lambda: self.newest[0] == text or self.failure is not None)

    def close(self) -> None:
        """End the thread; a prompt that is being encoded is finished first."""
        self._asked.close()
        self._thread.join()

    def _run(self) -> None:
        if sys.platform.startswith("linux"):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICE)
        # a second team of threads would take the cores from the frames, and spin on them when done
        torch.get_num_threads()  # before the first call torch would forget the second
        torch.set_num_threads(1)
        self._ready.set()
        try:
            while True:
                text = self._asked.take()
                embedding = self._embedding(text)
                with self._news:
                    self.newest = text, embedding
                    self._news.notify_all()
        except Closed:
            pass
        except BaseException as error:  # raised where frames are made
            with self._news:
                self.failure = error
                self._news.notify_all()

    def _embedding(self, text: str) -> Embedding:
        if text not in self._kept:
            self._kept[text] = self._encode(text)
        self._kept.move_to_end(text)
        if len(self._kept) > KEPT:
            self._kept.popitem(last=False)
        return self._kept[text]

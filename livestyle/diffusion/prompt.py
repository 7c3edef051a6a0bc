"""Prompts are encoded beside the frame path: on a thread of their own, the newest first."""

from __future__ import annotations

import os
import re
import sys
import threading
from collections import OrderedDict
from collections.abc import Callable

import torch

from livestyle.diffusion.denoiser import Embedding
from livestyle.errors import StylizerError

# Weights, and what else other programs do not read as it stands: (cat:1.8), ((cat)), cat++,
# (cat)1.8, [cat:dog:0.5], <lora:cat:0.8>
_SYNTAX = re.compile(
    r"\([^()]*:\s*-?[\d.]+\s*\)|\(\(.*?\)\)|\S+(\+\+|--)(?=\W|$)|\([^()]*\)[\d.]+"
    r"|\[[^][]*:[^][]*\]|<\w+:[^<>]*>"
)
_SHOWN = 60  # characters of a prompt in a line
KEPT = 32  # encoded prompts
_NICE = 19  # Linux: a thread has a priority of its own, and those it starts inherit it


def note_of(prompt: str, unread: str) -> str:
    """What of a prompt is not read, or not as other programs read it, in a line; "" if nothing.

    unread: its words after the cut.
    """
    notes = []
    if unread:
        notes.append(f"the prompt is cut after 75 tokens: {_short(unread)!r} is not read")
    if found := _SYNTAX.search(prompt):
        notes.append(
            f"there are no weights or the like in a prompt: {_short(found[0])!r} is read as it "
            "stands"
        )
    return "; ".join(notes)


def _short(text: str) -> str:
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"


class Prompts:
    """Encodes prompts and keeps the last 32. `newest` is the last asked for that is encoded,
    as text and embedding. One that is wanted beside those waits for them.
    """

    def __init__(
        self, encode: Callable[[str], Embedding], first: str, refuse: Callable[[str, str], None]
    ) -> None:
        """encode: takes long; called on the thread that makes this, and then on a thread of its
        own. refuse: called on that with a prompt that can't be encoded, and why, in a line.

        Raises StylizerError where the first can't be.
        """
        self._encode, self._refuse = encode, refuse
        self._kept: OrderedDict[str, Embedding] = OrderedDict()
        self.newest = first, self._embedding(first)
        self._news = threading.Condition()  # of `newest`, and of what is below
        self._asked: str | None = None
        self._refused: str | None = None  # the last that was, until another is asked for
        self._beside: str | None = None
        self._made: Embedding | StylizerError | None = None  # of that
        self._is_closed = False
        self._thread = threading.Thread(target=self._run, name="prompts", daemon=True)
        threads = torch.get_num_threads()
        self._ready = threading.Event()
        self._thread.start()
        self._ready.wait()
        torch.set_num_threads(threads)  # it is also what threads to come begin with

    def ask(self, text: str) -> None:
        """Have a prompt encoded; one asked for before that is still waiting is left out."""
        with self._news:
            self._asked, self._refused = text, None
            self._news.notify_all()

    def wait_for(self, text: str) -> None:
        """Wait until that, which was asked for last, is the newest or refused."""
        with self._news:
            self._news.wait_for(lambda: text in (self.newest[0], self._refused))

    def encoded(self, text: str) -> Embedding:
        """A prompt that nobody asks the frames for: `newest` stays. It waits for one that is asked
        for, and that for one of these at most. Called on one thread at a time, which waits.

        Raises StylizerError where it can't be encoded.
        """
        with self._news:
            self._beside, self._made = text, None
            self._news.notify_all()
            self._news.wait_for(lambda: self._made is not None or self._is_closed)
            made = self._made
        if isinstance(made, Embedding):
            return made
        raise made or StylizerError("the stylizer is closed")

    def close(self) -> None:
        """End the thread; a prompt that is being encoded is finished first. What holds the model is
        let go of; `newest` stays.
        """
        with self._news:
            self._is_closed = True
            self._news.notify_all()
        self._thread.join()
        del self._encode, self._refuse
        self._kept.clear()

    def _run(self) -> None:
        if sys.platform.startswith("linux"):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICE)
        # a second team of threads would take the cores from the frames, and spin on them when done
        torch.get_num_threads()  # before the first call torch would forget the second
        torch.set_num_threads(1)
        self._ready.set()
        while not self._is_closed:
            with self._news:
                self._news.wait_for(
                    lambda: (self._asked, self._beside) != (None, None) or self._is_closed
                )
                asked, self._asked = self._asked, None
                beside = None
                if asked is None:
                    beside, self._beside = self._beside, None
            if asked is not None:
                self._answer(asked)
            elif beside is not None:
                self._make(beside)

    def _make(self, text: str) -> None:
        made: Embedding | StylizerError
        try:
            made = self._embedding(text)
        except (StylizerError, torch.OutOfMemoryError) as error:
            made = StylizerError(str(error).splitlines()[0])
        with self._news:
            self._made = made
            self._news.notify_all()

    def _answer(self, text: str) -> None:
        try:
            newest, refused = (text, self._embedding(text)), None
        except (StylizerError, torch.OutOfMemoryError) as error:
            newest, refused = self.newest, text
            self._refuse(text, str(error).splitlines()[0])
        with self._news:
            self.newest, self._refused = newest, refused
            self._news.notify_all()

    def _embedding(self, text: str) -> Embedding:
        if text not in self._kept:
            try:
                self._kept[text] = self._encode(text)
            except torch.OutOfMemoryError:
                raise
            except Exception as error:  # no library says what its tokenizer or encoder may raise
                why = (str(error).strip() or type(error).__name__).splitlines()[0]
                raise StylizerError(f"cannot encode the prompt {_short(text)!r}: {why}") from error
        self._kept.move_to_end(text)
        if len(self._kept) > KEPT:
            self._kept.popitem(last=False)
        return self._kept[text]

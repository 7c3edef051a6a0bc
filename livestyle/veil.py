"""Veil: takes out of what is kept or passed on what is nobody's business: prompts, the titles of
windows, tokens, and whose home it is.
"""

from __future__ import annotations

import os
import re
from collections.abc import Container, Iterator, Mapping
from typing import Any

HIDDEN = "…"
PROMPTS, TITLES = "prompts", "titles"  # what is shown where it is asked for; tokens never are
_LEAST = 8  # characters of a variable's value that may be a secret
_PIECE = 3  # characters of a quoted piece that may tell of the whole
_SECRET_NAME = re.compile("TOKEN|SECRET|PASSWORD|API_?KEY", re.IGNORECASE)
# not the apostrophe of a word, as in can't
_QUOTED = re.compile(r"""(?<!\w)(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)")(?!\w)""", re.DOTALL)
# a prompt as messages name it, see `values.shown`: of a long one the beginning, without an end
_NAMED_PROMPT = re.compile(
    rf"""(\bprompt )(?:['"][^\n]*?… \(\d+ characters\)|{_QUOTED.pattern})""", re.DOTALL
)
_NAMED_TITLES = (
    (re.compile(rf"(window:)(?!{HIDDEN}|TITLE\b).+", re.DOTALL), rf"\1{HIDDEN}"),
    (re.compile("(there is no window ).+", re.DOTALL), rf"\1{HIDDEN}"),  # and which there are
)
_TOKENS = (
    (re.compile(r"(\btoken=)[^\s&'\"]+", re.IGNORECASE), rf"\1{HIDDEN}"),
    (re.compile(r"(\bBearer )\S+"), rf"\1{HIDDEN}"),
    (re.compile(r"(\bhf_)\w{8,}"), rf"\1{HIDDEN}"),
    (re.compile(r"(/view/)[\w-]{8,}"), rf"\1{HIDDEN}"),
    (re.compile(r"(://)[^\s/@'\"]+@"), rf"\1{HIDDEN}@"),  # a name and a password
    (re.compile(r"(\bhttps?://[^\s?'\"]*\?)[^\s'\"]+"), rf"\1{HIDDEN}"),
)


class Veil:
    """Hides what it knows by its form, and what it has learned, wherever that stands.

    Used on any thread but for `learn`, which one thread calls.
    """

    def __init__(self, environment: Mapping[str, str], shows: Container[str] = ()) -> None:
        """environment: its secrets are hidden. shows: of PROMPTS and TITLES, what is not."""
        self._shows = shows
        self._words = frozenset(
            value
            for name, value in environment.items()
            if _SECRET_NAME.search(name) and len(value) >= _LEAST
        )
        self._known = _any_of(self._words)
        self._homes = _homes()

    def learn(self, settings: Mapping[str, Any]) -> None:
        """Settings as files have them, whatever is in them: hide what is private there."""
        new = {word for word in self._private(settings) if word.strip()} - self._words
        if new:
            self._words |= new
            self._known = _any_of(self._words)

    def text(self, text: str) -> str:
        """A message without it; of several each is one call's."""
        for pattern, instead in _TOKENS:
            text = pattern.sub(instead, text)
        if self._known:
            text = self._known.sub(HIDDEN, text)
            text = _QUOTED.sub(self._piece, text)
        if PROMPTS not in self._shows:
            text = _NAMED_PROMPT.sub(rf"\1{HIDDEN}", text)
        if TITLES not in self._shows:
            for pattern, instead in _NAMED_TITLES:
                text = pattern.sub(instead, text)
        for pattern, instead in self._homes:
            text = pattern.sub(instead, text)
        return text

    def plain(self, value: Any, key: str = "") -> Any:
        """The same of what JSON can hold. key: what the value is called."""
        if isinstance(value, dict):
            return {self._key(name): self.plain(of, name) for name, of in value.items()}
        if isinstance(value, list):
            return [self.plain(item, key) for item in value]
        if not isinstance(value, str) or not value:
            return value
        is_prompt = "prompt" in key and PROMPTS not in self._shows
        return HIDDEN if is_prompt or _SECRET_NAME.search(key) else self.text(value)

    def _key(self, name: str) -> str:
        return self.text(name) if "=" in name else name  # a hotkey's, as "prompt=a city of glass"

    def _piece(self, quoted: re.Match[str]) -> str:
        """A quoted text, unless it is a piece of what is hidden: messages name the part that they
        are about.
        """
        piece = (quoted[1] or quoted[2] or "").removesuffix("…")
        is_of_one = len(piece) >= _PIECE and any(piece in word for word in self._words)
        return f"'{HIDDEN}'" if is_of_one else quoted[0]

    def _private(self, settings: Mapping[str, Any]) -> Iterator[str]:
        hotkeys = settings.get("hotkeys")
        named = [name.partition("=") for name in hotkeys] if isinstance(hotkeys, dict) else []
        pairs = [*settings.items(), *((key, value) for key, _, value in named)]
        for key, value in pairs:
            if "prompt" in key and isinstance(value, str) and PROMPTS not in self._shows:
                yield from _spellings(value)
            if key == "source" and isinstance(value, str) and TITLES not in self._shows:
                kind, _, title = value.partition(":")
                if kind == "window":
                    yield from _spellings(title)


def _spellings(text: str) -> set[str]:
    """A text, and as messages and windows spell it."""
    return {text, repr(text)[1:-1], " ".join(text.split())}


def _any_of(words: frozenset[str]) -> re.Pattern[str] | None:
    """Finds each of them that stands alone, the longest first."""
    longest = sorted(words, key=lambda word: (-len(word), word))
    return re.compile("|".join(map(_alone, longest))) if longest else None


def _alone(word: str) -> str:
    begin = r"(?<!\w)" if re.match(r"\w", word) else ""
    end = r"(?!\w)" if re.search(r"\w\Z", word) else ""
    return f"{begin}{re.escape(word)}{end}"


def _homes() -> list[tuple[re.Pattern[str], str]]:
    """The home, and its user's name where a path has it."""
    home = os.path.expanduser("~")
    name = os.path.basename(home)
    if not name:
        return []
    spellings = {home, os.path.realpath(home), repr(home)[1:-1]}
    any_home = "|".join(map(re.escape, sorted(spellings, key=len, reverse=True)))
    return [
        (re.compile(rf"(?<![\w.-])(?:{any_home})(?![\w.-])"), "~"),
        (re.compile(rf"(?<=[/\\]){re.escape(name)}(?![\w.-])"), HIDDEN),
    ]

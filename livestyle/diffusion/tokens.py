"""Tokens: what a prompt is in before it is encoded, and how much of it there is room for."""

from __future__ import annotations

from typing import Any

_ENDS = 2  # tokens: where a prompt begins, and where it ends


class Tokens:
    """A tokenizer and the text encoder that looks its tokens up."""

    def __init__(self, tokenizer: Any, encoder: Any) -> None:
        self._tokenizer = tokenizer
        self._known = int(encoder.get_input_embeddings().num_embeddings)

    def unread(self, text: str) -> str:
        """What of a text comes after the cut.

        Raises ValueError where the encoder lacks one of its tokens: a GPU that looks it up is of no
        use to this process any more.
        """
        found = self._tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
        if unknown := [token for token in found["input_ids"] if token >= self._known]:
            token = self._tokenizer.convert_ids_to_tokens(unknown[0])
            raise ValueError(
                f"the model's tokenizer knows {token!r}, and its text encoder does not"
            )
        room = self._tokenizer.model_max_length - _ENDS
        after = found["offset_mapping"][room:]
        return text[after[0][0] :].strip() if after else ""


def tokens_of(pipeline: Any) -> list[Tokens]:
    """Of a diffusers pipeline, one for each of its text encoders."""
    pairs = ("tokenizer", "text_encoder"), ("tokenizer_2", "text_encoder_2")
    found = [tuple(getattr(pipeline, name, None) for name in pair) for pair in pairs]
    return [Tokens(*pair) for pair in found if None not in pair]

"""Listing: what is in the cache, for people; and its pruning."""

from __future__ import annotations

import time
from typing import Any

from livestyle.engines.cache import Cache
from livestyle.engines.entry import Manifest
from livestyle.errors import EngineError

_DAY = 86_400  # s


def list_engines(cache: Cache) -> list[dict[str, Any]]:
    """Every engine, sound or not, as JSON can hold it; "words" say what it is, or what is wrong."""
    listed = []
    for entry in cache.entries():
        plain: dict[str, Any] = {
            "key": entry.key,
            "gib": round(entry.size / 2**30, 3),
            "used": time.strftime("%Y-%m-%d", time.localtime(entry.used_at)),
        }
        try:
            manifest = entry.manifest()
        except EngineError as error:
            listed.append(plain | {"words": str(error)})
            continue
        spec = manifest.spec
        details = {"engine": spec.label, "targets": list(spec.targets), "report": manifest.report}
        listed.append(plain | {"words": _words(manifest), **details})
    return listed


def prune(cache: Cache, days: int) -> list[str]:
    """Remove engines not used for so many days, damaged ones and leftovers. Says what was.

    Every file is read for that.
    """
    told = [f"removed {path.name}: left over from a build" for path in cache.clean()]
    for entry in cache.entries():
        why = f"not used since {time.strftime('%Y-%m-%d', time.localtime(entry.used_at))}"
        try:
            words = _words(entry.verify()[0])
        except EngineError:
            words, why = entry.key, "damaged"
        if why == "damaged" or time.time() - entry.used_at >= days * _DAY:
            cache.remove(entry)
            told.append(f"removed {words}: {why}")
    return told


def _words(manifest: Manifest) -> str:
    spec = manifest.spec
    width, height = spec.size
    loras = f" with {len(spec.loras)} LoRA" if spec.loras else ""
    targets = spec.card or ", ".join(spec.targets)
    return f"{manifest.title}{loras} {width}x{height} {spec.precision}, {spec.label}, for {targets}"

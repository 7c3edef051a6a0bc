"""Places: where a user's own files are, and what livestyle keeps for itself; also where there is no
home, or none that is of use.
"""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path

from livestyle.errors import LivestyleError, reason

_CLOSED = "is closed to this user"
_NOWHERE = "/nonexistent"  # what Debian calls a home that is not to be


def user_folder() -> Path:
    """Settings, presets and recipes of the user's own; it need not be there."""
    import platformdirs

    return Path(platformdirs.user_config_dir("livestyle"))


def cache_folder() -> Path:
    """What livestyle keeps, and can do without; it need not be there."""
    import platformdirs

    return _or_private(Path(platformdirs.user_cache_dir("livestyle")))


def state_folder() -> Path:
    """What livestyle keeps from one run to the next, of which nobody else has a copy; it need not
    be there.
    """
    import platformdirs

    return _or_private(Path(platformdirs.user_state_dir("livestyle")))


def videos_folder() -> Path:
    """Where recordings go that nobody named a place for; it need not be there."""
    import platformdirs

    return platformdirs.user_videos_path() / "livestyle"


def make_folder(folder: Path) -> None:
    """Make a folder for this user alone, where there is none. Raises LivestyleError."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise LivestyleError(f"cannot make the folder {str(folder)!r}: {reason(error)}") from error


def is_there(path: Path) -> bool:
    """Whether a file or folder can be seen, or a link to one; in a home that is closed to us
    nothing is.
    """
    return os.path.lexists(path)  # Path.exists raises where it may not look


def settle_home() -> list[str]:
    """See to it that this process, and those that it starts, have a home that is of use to
    livestyle and to the libraries that it loads: first of all.

    Where it can't be looked into, a private folder takes its place. Returns what is to be told, a
    line each.
    """
    if os.name == "nt":  # it has other ways, and always a profile
        return []
    told = []
    home = os.environ.get("HOME") or _registered_home()
    if flaw := _flaw(home):
        # closed, it is another user's, as after sudo -E
        own = _registered_home() if flaw == _CLOSED else ""
        place = own if own and not _flaw(own) else str(_private_folder() or _NOWHERE)
        told.append(
            f"{f'the home {home!r}' if home else 'the home'} {flaw}; {place!r} takes its place"
        )
        home = place
    os.environ["HOME"] = home
    for name in ("XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME"):
        if not os.path.isabs(os.environ.get(name, home)):  # by their own rules it counts not
            del os.environ[name]
    return told


def settle_caches() -> list[str]:
    """The same of what is kept, once there is something to do: only by writing can it be told
    whether one may.

    Where nothing can be written to the home, what is there is read, and what is not there yet is
    kept in the private folder.
    """
    if os.name == "nt":
        return []
    told = []
    caches = Path(os.environ.get("XDG_CACHE_HOME") or Path(os.environ["HOME"], ".cache"))
    of_hub = caches / "huggingface"
    if refused := _refusal(caches / "livestyle") or _refusal(of_hub):
        place = str(_private_folder() or _NOWHERE)
        told.append(f"no cache can be in {str(caches)!r}: {refused}; {place!r} has it")
    if not {"HF_HOME", "HF_HUB_CACHE"} & set(os.environ):  # which say where huggingface_hub's is
        os.environ["HF_HOME"] = str(_or_private(of_hub))
    return told


def check_current_folder() -> None:
    """Raise LivestyleError where it was removed: nothing could be named, no process started."""
    try:
        os.getcwd()
    except OSError as error:
        raise LivestyleError(
            f"the current folder can't be used ({error.strerror}): it was removed, or closed; go "
            "to another one (cd)"
        ) from error


def leave_removed_folder() -> None:
    """Where the current folder was removed meanwhile, go to one in which a process can start; what
    is named relative to it is gone with it.
    """
    try:
        os.getcwd()
    except FileNotFoundError:
        os.chdir(os.sep)


def _registered_home() -> str:
    """What the system says of this user, or ""."""
    import pwd

    try:
        return pwd.getpwuid(os.getuid()).pw_dir
    except KeyError:
        return ""


def _flaw(home: str) -> str:
    """Why a home is of no use, or ""."""
    if not home:
        return "is not set, and this user not known"
    if not os.path.isabs(home):
        return "is no absolute path"
    try:
        mode = os.stat(home).st_mode
    except PermissionError:
        return _CLOSED
    except OSError as error:
        return f"is of no use: {error.strerror}"
    if not stat.S_ISDIR(mode):
        return "is no folder"
    return "" if os.access(home, os.X_OK) else _CLOSED


def _or_private(folder: Path) -> Path:
    """A folder, if it can be looked into or made; else one of its name in the private one."""
    private = _private_folder() if _refusal(folder) else None
    return folder if private is None else private / ".cache" / folder.name


def _refusal(folder: Path) -> str:
    """Why a folder can neither be looked into nor made, or ""; nothing is left of the try."""
    try:
        if stat.S_ISDIR(os.stat(folder).st_mode):
            return "" if os.access(folder, os.R_OK | os.X_OK) else _CLOSED
        return "is no folder"
    except FileNotFoundError:
        above = next(path for path in folder.parents if is_there(path))
    except OSError as error:
        return str(error.strerror)
    try:
        descriptor, tried = tempfile.mkstemp(".part", ".livestyle-", above)
        try:
            os.write(descriptor, b"\0")  # a disk may be full
        finally:
            os.close(descriptor)
            os.unlink(tried)
    except OSError as error:
        return str(error.strerror)
    return ""


def _private_folder() -> Path | None:
    """A folder in the temporary one, under a name that nobody could plant: the one that another
    livestyle of this user has made, where there is one; None where none can be made.
    """
    try:
        temporary = tempfile.gettempdir()
        prefix = f"livestyle-{os.getuid()}-"
        names = sorted(name for name in os.listdir(temporary) if name.startswith(prefix))
        for path in (Path(temporary, name) for name in names):
            found = path.lstat()
            private = stat.S_ISDIR(found.st_mode) and not found.st_mode & 0o077
            if private and found.st_uid == os.getuid():
                return path
        return Path(tempfile.mkdtemp(prefix=prefix))
    except OSError:
        return None

"""X11: a connection to a display, and what is asked of it about windows and their pixels."""

from __future__ import annotations

import contextlib
import ctypes
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from livestyle.errors import SourceError
from livestyle.frame import Size
from livestyle.installation import adding_package
from livestyle.sources.session import unreachable

try:
    import xcffib
    import xcffib.composite
    import xcffib.shm
    import xcffib.xproto
except ImportError as missing:
    raise SourceError(f"xcffib: {missing}; run: {adding_package('xcffib')}") from missing
except OSError as missing:
    raise SourceError(f"{missing}; install libxcb (Debian's package libxcb1)") from missing

if TYPE_CHECKING:
    from livestyle.frame import Pixels

REFUSED = xcffib.Error  # what the display answers to a request that it does not grant
GONE = xcffib.XcffibException  # nothing is answered; REFUSED is one of these
_LEAST = 16  # pixels; smaller ones are what programs keep to talk to each other
_TITLE_LENGTH = 1024  # of 4 bytes, the most that is asked for
_ALL_PLANES = 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class WindowInfo:
    """A window that is shown, and its size in pixels."""

    id: int
    title: str
    size: Size


class X11Display:
    """A connection to an X11 display, and what is asked of it here."""

    def __init__(self, name: str | None) -> None:
        try:
            self.connection = xcffib.Connection(name)
        except GONE as error:
            raise SourceError(unreachable(name, "no connection")) from error
        self.core = self.connection.core
        setup = self.connection.get_setup()
        self._root = setup.roots[self.connection.pref_screen]
        formats = {one.depth: one.bits_per_pixel for one in setup.pixmap_formats}
        self._depths = {depth for depth in (24, 32) if formats.get(depth) == 32}
        self._is_little = setup.image_byte_order == xcffib.xproto.ImageOrder.LSBFirst

    def __enter__(self) -> X11Display:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.connection.disconnect()

    def windows(self) -> list[WindowInfo]:
        """Those that are shown and have a title, the topmost last."""
        found = []
        for window in self._top_level():
            with contextlib.suppress(REFUSED):  # closed meanwhile
                title = self._title(window)
                if title and not self.why_unseen(window):
                    geometry = self.core.GetGeometry(window).reply()
                    if min(geometry.width, geometry.height) >= _LEAST:
                        found.append(WindowInfo(window, title, (geometry.width, geometry.height)))
        return found

    def why_unseen(self, window: int) -> str:
        """Why it has no pixels now, in words, or ""."""
        try:
            state = self.core.GetWindowAttributes(window).reply().map_state
        except xcffib.xproto.WindowError:
            return "is closed"
        return "" if state == xcffib.xproto.MapState.Viewable else "is minimised or hidden"

    def redirect(self, window: int) -> None:
        """Have the display keep its pixels apart from what lies over it, until this connection
        ends. Raises SourceError where it can't, or they aren't BGRX.
        """
        depth = self.core.GetGeometry(window).reply().depth
        if depth not in self._depths or not self._is_little:
            raise SourceError(f"it has {depth} bits a pixel, not 24 as can be read")
        try:
            composite = self.connection(xcffib.composite.key)
            composite.QueryVersion(0, 4).reply()
        except GONE as error:
            raise SourceError("the X server has no Composite extension; use screen:N") from error
        automatic = xcffib.composite.Redirect.Automatic
        composite.RedirectWindow(window, automatic, is_checked=True).check()
        self._composite = composite

    def read(self, window: int, memory: SharedMemory) -> Pixels:
        """Its pixels, BGRA (H, W, 4), of the caller's own. Raises ProtocolException when it has
        none, or another size meanwhile.
        """
        now = self.core.GetGeometry(window).reply()
        pixmap = self.connection.generate_id()
        # named anew each time: a window that was hidden or resized meanwhile has another
        named = self._composite.NameWindowPixmap(window, pixmap, is_checked=True)
        border = now.border_width
        try:
            return memory.read(pixmap, (border, border, now.width, now.height))
        finally:
            with contextlib.suppress(REFUSED):  # the read has failed for that, too
                named.check()
                self.core.FreePixmap(pixmap)

    def _top_level(self) -> list[int]:
        """As the window manager lists them, the topmost last; without one, the root's children."""
        for name in ("_NET_CLIENT_LIST_STACKING", "_NET_CLIENT_LIST"):
            listed = self._property(self._root.root, name, xcffib.xproto.Atom.WINDOW)
            if listed:
                return [int(window) for window in np.frombuffer(listed, np.uint32)]
        return list(self.core.QueryTree(self._root.root).reply().children)

    def _title(self, window: int) -> str:
        utf8 = self._property(window, "_NET_WM_NAME", self._atom("UTF8_STRING"))
        if utf8:
            return " ".join(utf8.decode("utf-8", "replace").split())
        old = self._property(window, "WM_NAME", xcffib.xproto.Atom.STRING)
        return " ".join(old.decode("latin-1").split())

    def _property(self, window: int, name: str, kind: int) -> bytes:
        asked = self.core.GetProperty(False, window, self._atom(name), kind, 0, _TITLE_LENGTH)
        return bytes(asked.reply().value.buf())

    def _atom(self, name: str) -> int:
        return int(self.core.InternAtom(False, len(name), name).reply().atom)


class SharedMemory:
    """Memory that the display writes pictures into, as large as the largest so far: System V's,
    which MIT-SHM asks for. The system frees it when both have let it go, whatever ends them.
    """

    def __init__(self, display: X11Display) -> None:
        self._display = display
        self._bytes: np.ndarray[Any, np.dtype[np.uint8]] | None = None
        self._segment = 0
        self._address = 0
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._libc.shmat.restype = ctypes.c_void_p

    def __enter__(self) -> SharedMemory:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._let_go()

    def read(self, drawable: int, area: tuple[int, int, int, int]) -> Pixels:
        """The pixels of x, y, width, height: BGRA (H, W, 4), a copy."""
        *_, width, height = area
        size = width * height * 4
        self.hold(size)
        assert self._bytes is not None
        form = xcffib.xproto.ImageFormat.ZPixmap
        shm = self._display.connection(xcffib.shm.key)
        shm.GetImage(drawable, *area, _ALL_PLANES, form, self._segment, 0).reply()
        return self._bytes[:size].reshape(height, width, 4).copy()

    def hold(self, size: int) -> None:
        """Have room for so many bytes. Raises SourceError where the display shares none."""
        if self._bytes is None or self._bytes.size < size:
            self._let_go()
            self._share(size)

    def _share(self, size: int) -> None:
        private, create, remove = 0, 0o1000, 0  # IPC_PRIVATE, IPC_CREAT, IPC_RMID of <sys/ipc.h>
        known = self._libc.shmget(private, ctypes.c_size_t(size), create | 0o600)
        if known < 0:
            raise SourceError(f"no {size} bytes of shared memory; see ipcs -l")
        try:
            self._address = self._libc.shmat(known, None, 0)
            if self._address == ctypes.c_void_p(-1).value:
                self._address = 0
                raise SourceError(f"no addresses for {size} bytes of shared memory; see ulimit -v")
            memory = (ctypes.c_uint8 * size).from_address(self._address)
            self._segment = self._display.connection.generate_id()
            shm = self._display.connection(xcffib.shm.key)
            shm.Attach(self._segment, known, False, is_checked=True).check()
        except GONE as error:  # REFUSED is one; without the extension the connection ends
            self._let_go()
            raise SourceError(
                "the display shares no memory with this process, as over a network or out of a "
                "container (there: --ipc=host); use screen:N"
            ) from error
        finally:
            self._libc.shmctl(known, remove, None)
        self._bytes = np.ctypeslib.as_array(memory)

    def _let_go(self) -> None:
        self._bytes = None
        if self._address:
            self._libc.shmdt(ctypes.c_void_p(self._address))
            self._address = 0
        if self._segment:
            with contextlib.suppress(GONE):
                self._display.connection(xcffib.shm.key).Detach(self._segment)
            self._segment = 0

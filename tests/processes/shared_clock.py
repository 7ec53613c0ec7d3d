"""A clock that stands still in several processes at once."""

from __future__ import annotations

import mmap
import struct
from pathlib import Path

from sentri_testing import ManualClock

_MOMENT = struct.Struct("d")


class SharedClock(ManualClock):
    """A `ManualClock` whose moment is in a file: whoever opens the file sees it move.

    Args:
        file: where the moment is; a new file is set to the present.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        is_new = not file.exists()
        if is_new:
            file.write_bytes(bytes(_MOMENT.size))
        with file.open("r+b") as opened:
            self._shared = mmap.mmap(opened.fileno(), _MOMENT.size)
        if is_new:
            super().__init__()

    @property
    def _now(self) -> float:
        return _MOMENT.unpack_from(self._shared)[0]

    @_now.setter
    def _now(self, moment: float) -> None:
        _MOMENT.pack_into(self._shared, 0, moment)

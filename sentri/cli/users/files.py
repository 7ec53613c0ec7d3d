"""The file of an import: opened once, read twice, line by line."""

from __future__ import annotations

import io
import os
import re
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

from sentri.cli.passwords import interruptible

__all__ = ["FileText", "NotTheForm", "opened_text"]

_LONGEST: Final = 1024 * 1024
"""Characters of a line: a file without any line end is told, not read into memory."""
_BROKEN: Final = re.compile("[\ud800-\udfff]")
_UTF16: Final = (b"\xff\xfe", b"\xfe\xff")


class NotTheForm(Exception):
    """What is wrong with the file as a whole."""


class FileText:
    """The text of a file; `position` and `size`, in bytes, tell how far it is read."""

    def __init__(self, raw: IO[bytes]) -> None:
        self._raw = raw
        self._text = io.TextIOWrapper(raw, encoding="utf-8-sig", errors="surrogateescape", newline="")
        self.size = os.fstat(raw.fileno()).st_size

    @property
    def position(self) -> int:
        return self._raw.tell()

    def lines(self) -> Iterator[str]:
        """Every line from the first on, with its end. Raises `NotTheForm` for what is no text in UTF-8."""
        self._text.seek(0)
        number = 0
        while line := self._line(number):
            number += 1
            if len(line) >= _LONGEST:
                raise NotTheForm(f"line {number} is longer than {_LONGEST} characters")
            if not line.isascii() and _BROKEN.search(line):
                raise NotTheForm(f"line {number} is not UTF-8 text; save the file as UTF-8")
            yield line

    def _line(self, number: int) -> str:
        try:
            return self._text.readline(_LONGEST)
        except OSError as error:
            raise NotTheForm(f"cannot be read beyond line {number}: {error.strerror}") from None


@contextmanager
def opened_text(path: Path) -> Iterator[FileText]:
    """The text of the file, or of standard input for `-`. Raises `NotTheForm` for what cannot be read."""
    try:
        with interruptible():  # a pipe may wait for whoever writes into it
            raw = _opened(path)
    except OSError as error:
        raise NotTheForm(f"cannot be read: {error.strerror}") from None
    with raw:
        if raw.read(2) in _UTF16:
            raise NotTheForm("is UTF-16 text; save it as UTF-8")
        yield FileText(raw)


def _opened(path: Path) -> IO[bytes]:
    """The file. What can be read only once is copied first, into a file that has no name and goes with the process."""
    if str(path) == "-":
        if sys.stdin is None:
            raise NotTheForm("cannot be read: standard input is closed")
        return _copied(sys.stdin.buffer)
    file = path.open("rb")
    mode = os.fstat(file.fileno()).st_mode
    if stat.S_ISREG(mode):
        return file
    with file:
        if not stat.S_ISFIFO(mode):
            raise NotTheForm("is neither a file nor a pipe")
        return _copied(file)


def _copied(source: IO[bytes]) -> IO[bytes]:
    copy = tempfile.TemporaryFile()  # noqa: SIM115 - closed by who asked for it
    shutil.copyfileobj(source, copy)
    copy.seek(0)
    return copy

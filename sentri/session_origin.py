"""Where a session comes from: what the request of its login said of itself, as far as it is kept."""

from __future__ import annotations

import ipaddress
import unicodedata
from dataclasses import dataclass
from typing import Final

__all__ = ["NOWHERE", "SessionOrigin"]

_MOST_CHARACTERS: Final = 255


@dataclass(frozen=True, slots=True)
class SessionOrigin:
    """Device and address of a login. Both are for people to look at: nothing is decided by them.

    Attributes:
        device: a `User-Agent`, which may say anything; None where it is not known.
        address: of IPv4 or IPv6, in its canonical form; None as above.
    """

    device: str | None = None
    address: str | None = None

    @classmethod
    def of(cls, device: object, address: object) -> SessionOrigin:
        """What can be shown of them: text on one line, of at most 255 characters, and an address that is one."""
        return cls(_shown(device), _canonical(address))


NOWHERE: Final = SessionOrigin()


def _shown(device: object) -> str | None:
    """Without what is invisible, controls something or is no text at all (Unicode's categories C and Z)."""
    if not isinstance(device, str):
        return None
    visible = "".join(char if unicodedata.category(char)[0] not in "CZ" else " " for char in device[: 4 * 1024])
    return " ".join(visible.split())[:_MOST_CHARACTERS].rstrip() or None


def _canonical(address: object) -> str | None:
    if not isinstance(address, str):
        return None
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return None
    return str(getattr(parsed, "ipv4_mapped", None) or parsed)  # one of IPv4 where IPv6 only wraps it

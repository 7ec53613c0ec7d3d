"""Rotation, and the end of a key: what an operator can do."""

from __future__ import annotations

from sentri.errors import SentriError
from sentri.keys.persisted import PersistedKeys
from sentri.keys.records import KeyRecord
from sentri.keys.timeline import KeyInfo, Timeline

__all__ = ["retire", "retire_now", "rotate"]


async def rotate(keys: PersistedKeys) -> KeyInfo:
    """Let a new key follow the one that signs: published from now on, signing after `publish_for`.

    Where one is waiting already it is that one: ten that rotate at once make one key.
    """
    while True:
        await keys.refresh()
        line = keys.timeline("access")
        waiting = line.upcoming(keys.clock())
        if waiting is not None:
            return line.info(waiting, keys.clock())
        made = await keys.make(line, "access", signs_in=keys.times.publish_for)
        if await keys.store.add(made):  # or somebody else was faster: then that one is waiting now
            about = {"kid": made.kid, "purpose": made.purpose, "algorithm": made.algorithm}
            await keys.events.tell("key.rotated", **about, signs_at=made.signs_at)


async def retire(keys: PersistedKeys, kid: str | None) -> KeyInfo:
    """Let a key leave in its order: one that signs is followed by another, one that waits is withdrawn.

    Raises `NOT_FOUND`; `VALIDATION_ERROR` for a key that cannot leave so.
    """
    await keys.refresh()
    line, record = _found(keys, kid)
    now = keys.clock()
    match line.state(record, now):
        case "signing" if record.purpose == "refresh":
            raise SentriError(
                "VALIDATION_ERROR",
                f"kid: {record.kid} is the key of refresh tokens, which does not rotate. Ending it at once (now) "
                "replaces it, and everybody has to log in again.",
            )
        case "signing":
            await rotate(keys)
        case "upcoming" if record.purpose == "refresh" or record.signs_at - now <= keys.times.margin:
            raise SentriError(
                "VALIDATION_ERROR",
                f"kid: {record.kid} is about to sign, or does so where a clock runs ahead. Retire it when it signs.",
            )
        case "upcoming":
            if await keys.store.withdraw(record.kid, now):
                await keys.events.tell("key.withdrawn", kid=record.kid, purpose=record.purpose)
    return await _told(keys, record.kid)


async def retire_now(keys: PersistedKeys, kid: str | None) -> KeyInfo:
    """End a leaked key at once, and let one sign that was never published. Keys that wait are withdrawn: they were in
    the same place. Whoever is second finds it done.

    A key that began to sign within `margin` waits by somebody's clock, and is withdrawn too.

    Raises `NOT_FOUND`; `VALIDATION_ERROR` where it is not sure which key is meant, or where none of the table signs.
    """
    await keys.refresh()
    if kid is None and not keys.is_configured(None) and keys.timeline("access").changes_about(keys.clock()):
        raise SentriError(
            "VALIDATION_ERROR",
            "kid: the key that signs changes at about this time, and by another clock it may be another one. Name the "
            "key that leaked.",
        )
    _, record = _found(keys, kid)
    done: bool | None = None
    while done is None:
        line = keys.timeline(record.purpose)
        named = _named(line, record.kid)
        if line.state(named, keys.clock()) == "retired":
            break
        successor = await keys.make(line, record.purpose, signs_in=keys.wait_of(line))
        since = successor.created_at - keys.times.margin
        done = await keys.store.replace(named, successor, signing_since=since)
        await keys.refresh()
        if done:
            await keys.events.tell("key.ended", kid=named.kid, purpose=named.purpose, successor=successor.kid)
    return await _told(keys, record.kid)


def _found(keys: PersistedKeys, kid: str | None) -> tuple[Timeline, KeyRecord]:
    """The key that is named, or the one that signs access tokens. Raises `NOT_FOUND`; `VALIDATION_ERROR` for a key
    of the configuration, which is none of the table.
    """
    if keys.is_configured(kid):
        raise SentriError(
            "VALIDATION_ERROR",
            "kid: that is the key of the configured secret, which signs or verifies along. Take it out of `secret`.",
        )
    for line in (keys.timeline("access"), keys.timeline("refresh")):
        for record in line.records:
            by_default = kid is None and record.purpose == "access" and line.state(record, keys.clock()) == "signing"
            if record.kid == kid or by_default:
                return line, record
    raise SentriError("NOT_FOUND", "kid: there is no such key.")


def _named(line: Timeline, kid: str) -> KeyRecord:
    return next(record for record in line.records if record.kid == kid)


async def _told(keys: PersistedKeys, kid: str) -> KeyInfo:
    await keys.refresh()
    return next(info for info in keys.infos() if info.kid == kid)

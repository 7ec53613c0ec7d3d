"""The application that an argument names."""

from __future__ import annotations

import importlib
import inspect
import sys
import traceback
from pathlib import Path
from typing import Any

import asyncclick
from aiohttp import web

from sentri.errors import SentriError

__all__ = ["application_named"]


async def application_named(name: str) -> web.Application:
    """The application `package.module:attribute`, or what a function of that name makes, plain or async.

    The current folder is looked in first, as `python -m` does it. It is loaded, not started. Raises a usage error, in
    words, for what cannot be loaded.
    """
    module_name, _, attributes = name.partition(":")
    if not module_name or not attributes:
        raise _unusable(name, "give module:attribute, such as shop.main:app")
    found = _attribute(name, _module(name, module_name), attributes.removesuffix("()"))
    if not isinstance(found, web.Application) and callable(found):
        found = await _made(name, found)
    if not isinstance(found, web.Application):
        kind = type(found).__name__
        raise _unusable(name, f"is of type {kind}, not an aiohttp Application or a function that makes one")
    return found


def _module(name: str, module_name: str) -> Any:
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        return importlib.import_module(module_name)
    except ModuleNotFoundError as missing:
        if missing.name is None or not f"{module_name}.".startswith(f"{missing.name}."):
            raise _failed(name, missing) from None
        raise _unusable(name, f"there is no module {missing.name} here") from None
    except Exception as error:  # noqa: BLE001 - whatever the module does when it is imported
        raise _failed(name, error) from None


def _attribute(name: str, module: Any, attributes: str) -> Any:
    found = module
    for attribute in attributes.split("."):
        try:
            found = getattr(found, attribute)
        except AttributeError:
            raise _unusable(name, f"{module.__name__} has no {attributes}") from None
    return found


async def _made(name: str, factory: Any) -> Any:
    try:
        made = factory()
        return await made if inspect.isawaitable(made) else made
    except Exception as error:  # noqa: BLE001 - as above
        raise _failed(name, error) from None


def _failed(name: str, error: Exception) -> asyncclick.UsageError:
    """Its own words only where they are sentri's: another error's text may quote a secret."""
    if isinstance(error, SentriError):
        return _unusable(name, f"could not be made: {error}")
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return _unusable(name, f"could not be made: {type(error).__name__} in {frame.filename}, line {frame.lineno}")


def _unusable(name: str, why: str) -> asyncclick.UsageError:
    return asyncclick.UsageError(f"{name}: {why}")

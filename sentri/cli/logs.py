"""Where the log of a command goes: to stderr."""

from __future__ import annotations

import logging

from aiohttp import web
from aiohttp.abc import AbstractAccessLogger

__all__ = ["AccessLog", "silence_logs", "write_logs"]


def write_logs() -> None:
    """Write sentri's own lines and the access log to stderr; of everybody else, warnings."""
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    for name in ("sentri", "aiohttp.access"):
        logging.getLogger(name).setLevel(logging.INFO)


def silence_logs() -> None:
    """Write nothing of sentri's to stderr: the command says itself what it finds."""
    logging.getLogger("sentri").addHandler(logging.NullHandler())
    logging.getLogger("sentri").propagate = False


class AccessLog(AbstractAccessLogger):
    """One line a request, without its query, which may hold secrets."""

    def log(self, request: web.BaseRequest, response: web.StreamResponse, time: float) -> None:
        self.logger.info(
            '%s "%s %s" %d %.0fms',
            request.remote,
            request.method,
            request.rel_url.raw_path,
            response.status,
            time * 1000,
        )

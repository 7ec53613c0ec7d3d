"""Whom the doctor asks: every auth object, and what it runs on. It loads all that a server does."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

import asyncclick
from aiohttp import web

from sentri.cli.doctor.catalogue import Deployment, Finding
from sentri.cli.doctor.configuration import configuration_findings
from sentri.cli.doctor.cookies import cookie_findings
from sentri.cli.doctor.databases import database_findings
from sentri.cli.doctor.hashing import hashing_findings
from sentri.cli.doctor.issuers import issuer_findings
from sentri.cli.doctor.shared_redis import redis_findings
from sentri.cli.loading import application_named
from sentri.cli.opening import auth_of, settings_of
from sentri.client.auth import AuthClient
from sentri.config.client_options import ClientOptions
from sentri.config.options import ServerOptions
from sentri.server.auth import AuthServer
from sentri.web.auth import AUTH, Auth
from sentri.web.routes import routes_of

__all__ = ["auth_objects", "findings_of"]


async def auth_objects(application: str | None, database_url: str | None) -> list[Auth]:
    """Those of the application, or the one that the environment describes."""
    if application is None:
        return [auth_of(settings_of(database_url=database_url))]
    if database_url is not None:
        raise asyncclick.UsageError(
            "--database-url is for the settings in the environment; the application has its own"
        )
    app = await application_named(application)
    found = list(dict.fromkeys(_in_application(app)))
    if not found:
        raise asyncclick.UsageError(f"{application} has no auth object: auth.setup(app), or app[sentri.AUTH] = auth")
    return found


def _in_application(app: web.Application) -> list[Auth]:
    guards = [guard.auth for route in routes_of(app) for guard in route.guards]
    owners = [route.own for route in routes_of(app)]
    return [auth for auth in (app.get(AUTH), *owners, *guards) if auth is not None]


async def findings_of(subjects: Sequence[Auth], deployment: Deployment) -> AsyncIterator[Finding]:
    """Every pitfall of theirs."""
    for auth in subjects:
        if isinstance(auth, AuthServer):
            async for finding in _of_server(auth.options, deployment):
                yield finding
        elif isinstance(auth, AuthClient):
            async for finding in _of_client(auth.options):
                yield finding


async def _of_server(options: ServerOptions, deployment: Deployment) -> AsyncIterator[Finding]:
    for finding in (
        *configuration_findings(options, deployment),
        *cookie_findings(options, deployment),
        *hashing_findings(options),
    ):
        yield finding
    async for finding in database_findings(options, deployment):
        yield finding
    async for finding in redis_findings(options):
        yield finding


async def _of_client(options: ClientOptions) -> AsyncIterator[Finding]:
    async for finding in issuer_findings(options):
        yield finding

"""An endpoint at work: who is let in, what the request says, and then the handler."""

from __future__ import annotations

import functools
from typing import Any

from aiohttp import web

from sentri.errors import SentriError
from sentri.identity import AuthUser
from sentri.web.endpoints.admission import admit, readmit
from sentri.web.endpoints.context import WebContext
from sentri.web.endpoints.endpoint import BodyUse, Call, Endpoint, Needs
from sentri.web.gates import Gate
from sentri.web.parsing import read_body, read_path, read_query

__all__ = ["Served"]


class Served:
    """One row of the table, served.

    Attributes:
        gate: what it needs, for those who ask ahead of its turn.
        answer: the handler for aiohttp's router, with the name of the row's own.
    """

    def __init__(self, endpoint: Endpoint, context: WebContext) -> None:
        self.endpoint = endpoint
        self._context = context
        self.gate = Gate(self._enter)

        @functools.wraps(endpoint.handler)
        async def answer(request: web.Request) -> web.Response:
            return await endpoint.handler(context, await self._call(request))

        self.answer = answer

    async def _enter(self, request: web.Request) -> AuthUser | None:
        return await admit(self._context, self.endpoint.needs, request)

    async def _call(self, request: web.Request) -> Call[Any]:
        endpoint = self.endpoint
        caller = await self._admitted(request)
        path = None if endpoint.path_type is None else read_path(request, endpoint.path_type)
        query = None if endpoint.query is None else read_query(request, endpoint.query)
        body = await self._body(request)
        if caller is not None and body is not None:
            caller = await readmit(self._context, endpoint.needs, request)
        return Call(request=request, endpoint=endpoint, caller=caller, path=path, query=query, body=body)

    async def _admitted(self, request: web.Request) -> AuthUser | None:
        match self.endpoint.needs:
            case Needs.NOTHING:
                return None
            case Needs.API_KEY:
                # Not through the gate: asked ahead of its turn it counts no attempt, and every attempt counts once.
                await self._ask_for_api_key(request)
                return None
            case Needs.USER | Needs.ADMIN:
                await self.gate.enter(request)
                user = await self._context.identify(request)
                self._context.accounts.events.acting(user.id)
                return user

    async def _ask_for_api_key(self, request: web.Request) -> None:
        try:
            await admit(self._context, Needs.API_KEY, request)
        except SentriError:
            await self._context.limits.api_key(self._context.clients.of(request))
            await self._context.denials.tell(request, "api_key")
            raise

    async def _body(self, request: web.Request) -> Any:
        form = self.endpoint.body
        return (
            None
            if form is None or not self._reads_body(request)
            else await read_body(request, form, most=self.endpoint.body_most)
        )

    def _reads_body(self, request: web.Request) -> bool:
        match self.endpoint.body_use:
            case BodyUse.ALWAYS:
                return True
            case BodyUse.IF_SENT:
                return request.body_exists
            case BodyUse.WITHOUT_COOKIE:
                return not self._context.carriage.has_refresh_cookie

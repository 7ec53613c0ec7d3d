"""Guards as a type checker sees them: what they decorate keeps its type, and mistakes are flagged.

Checked by `mypy --strict` and pyright, never run. A `type: ignore` here is a planted mistake: where it is no longer
flagged, the unused comment is.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, assert_type

from aiohttp import web

import sentri
from sentri import AUTH, USER, Auth, AuthServer, AuthUser, create_auth, current_user

if TYPE_CHECKING:
    from sentri.web.guards import Guard

auth = create_auth(db="sqlite://:memory:", secret="x" * 32, valid_roles=["admin"])
routes = web.RouteTableDef()

Handler = Callable[[web.Request], Awaitable[web.Response]]


async def is_owner(request: web.Request, user: AuthUser) -> bool:
    return request.match_info["id"] == user.id


# --- what is decorated keeps its type


@auth.protect
async def plain(request: web.Request) -> web.Response:
    return web.Response()


@auth.protect()
async def called(request: web.Request) -> web.StreamResponse:
    return web.StreamResponse()


@auth.protect
@auth.authorize("admin", "root")
async def socket(request: web.Request) -> web.WebSocketResponse:
    return web.WebSocketResponse()


@auth.permit(is_owner)
async def owned(request: web.Request) -> web.FileResponse:
    return web.FileResponse("x")


@auth.permit(lambda request, user: request.match_info["id"] == user.id)
async def by_lambda(request: web.Request) -> web.Response:
    return web.Response()


@auth.permit(roles=["admin"], check=is_owner)
async def by_role(request: web.Request) -> web.Response:
    return web.Response()


@auth.permit(check=is_owner)
async def by_name(request: web.Request) -> web.Response:
    return web.Response()


@auth.public
async def public(request: web.Request) -> web.Response:
    return web.Response()


@sentri.protect
@sentri.authorize("admin")
@sentri.permit(is_owner)
async def imported(request: web.Request) -> web.Response:
    return web.Response()


class Methods(web.View):
    @auth.protect
    async def get(self) -> web.Response:
        return web.Response()

    @auth.authorize("admin")
    async def post(self) -> web.StreamResponse:
        return web.StreamResponse()

    @sentri.protect()
    async def put(self) -> web.Response:
        return web.Response()


@auth.protect
class Whole(web.View):
    async def get(self) -> web.Response:
        return web.Response()

    def extra(self) -> int:
        return 1


@auth.authorize("admin")
class ForAdmins(Whole):
    def more(self) -> str:
        return ""


# aiohttp's own decorators forget the type; what they are given they take.
@routes.get("/listed")
@auth.protect
async def listed(request: web.Request) -> web.Response:
    return web.Response()


@routes.view("/view")
@auth.authorize("admin")
class Listed(web.View): ...


class Api:
    @auth.protect
    async def show(self, request: web.Request) -> web.Response:
        return web.Response()


def kept(request: web.Request, view: Methods, whole: Whole, admins: ForAdmins) -> None:
    handlers: list[Handler] = [plain, by_lambda, by_role, by_name, public, imported, Api().show]
    handlers.append(called)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    sockets: Callable[[web.Request], Awaitable[web.WebSocketResponse]] = socket
    files: Callable[[web.Request], Awaitable[web.FileResponse]] = owned
    assert_type(whole.extra(), int)
    assert_type(admins.more(), str)
    assert_type(Whole(request), Whole)
    assert_type(ForAdmins(request), ForAdmins)
    methods: tuple[Callable[[], Awaitable[web.Response]], Callable[[], Awaitable[web.StreamResponse]]] = (
        view.get,
        view.post,
    )
    routes.get("/sockets")(sockets)
    routes.get("/files")(files)
    assert_type(len(handlers) + len(methods), int)


async def awaited(request: web.Request, view: Methods) -> None:
    assert_type(await plain(request), web.Response)
    assert_type(await called(request), web.StreamResponse)
    assert_type(await socket(request), web.WebSocketResponse)
    assert_type(await owned(request), web.FileResponse)
    assert_type(await imported(request), web.Response)
    assert_type(await Api().show(request), web.Response)
    assert_type(await view.get(), web.Response)
    assert_type(await view.put(), web.Response)


# --- an application takes them

app = web.Application(middlewares=[auth.error_middleware(), auth.protect_middleware(exclude=["/plain"])])
app.router.add_get("/called", called)
app.router.add_get("/socket", socket)
app.router.add_get("/api", Api().show)
app.router.add_view("/methods", Methods)
app.router.add_view("/admins", ForAdmins)
app.add_routes([web.get("/owned", owned), web.view("/whole", Whole), *routes])
app.add_subapp("/auth", auth.app())
auth.setup(app, prefix="/auth")
app[AUTH] = auth
guards: list[Guard] = [auth.protect(), auth.authorize("admin"), auth.permit(is_owner), sentri.authorize("admin")]


# --- who it is


async def shown(request: web.Request, base: Auth) -> None:
    assert_type(current_user(request), AuthUser)
    assert_type(request[USER], AuthUser)
    assert_type(await auth.user(request), AuthUser | None)
    assert_type(await auth.recheck(request), AuthUser)
    assert_type(await base.authenticate("token"), AuthUser)
    assert_type(auth.verify_access_token("token"), AuthUser)
    assert_type(auth.get_current_access_token(request), str | None)
    assert_type(await auth.hash_password("password"), str)
    assert_type(await auth.verify_password("password", "hash"), bool)
    user = current_user(request)
    assert_type(user.id, str)
    assert_type(user.identifier, str)
    assert_type(user.roles, tuple[str, ...])
    assert_type(user.session_id, str | None)
    assert_type(user.issuer, str | None)
    assert_type(request.config_dict[AUTH], Auth)
    user.roles = ()  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]
    assert_type(user.role, str)  # type: ignore[attr-defined, assert-type]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType, reportAssertTypeFailure]


async def life(server: AuthServer) -> None:
    async with server as opened:
        assert_type(opened, AuthServer)
        assert_type(await opened.migrate(), list[str])
        assert_type(await opened.accounts.register("ann", "password"), AuthUser)
        assert_type(await opened.accounts.login("ann", "password"), sentri.TokenPair)
        assert_type(await opened.accounts.logout("id"), bool)


# --- planted mistakes


@auth.protect  # type: ignore[type-var]  # pyright: ignore[reportArgumentType, reportUntypedFunctionDecorator]
def not_async(request: web.Request) -> web.Response:
    return web.Response()


@auth.protect  # type: ignore[type-var]  # pyright: ignore[reportArgumentType, reportUntypedFunctionDecorator]
async def no_response(request: web.Request) -> dict[str, str]:
    return {}


@auth.authorize  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
async def call_forgotten(request: web.Request) -> web.Response:
    return web.Response()


@auth.protect("admin")  # type: ignore[call-overload, untyped-decorator]  # pyright: ignore[reportArgumentType, reportUntypedFunctionDecorator]
async def protect_with_a_role(request: web.Request) -> web.Response:
    return web.Response()


@auth.permit(roles=["admin"])  # type: ignore[call-overload, untyped-decorator]  # pyright: ignore[reportCallIssue, reportUntypedFunctionDecorator]
async def permit_without_check(request: web.Request) -> web.Response:
    return web.Response()


@auth.permit()  # type: ignore[call-overload, untyped-decorator]  # pyright: ignore[reportCallIssue, reportUntypedFunctionDecorator]
async def permit_without_anything(request: web.Request) -> web.Response:
    return web.Response()


@auth.permit(lambda request: True)  # type: ignore[arg-type, misc]  # pyright: ignore[reportArgumentType]
async def permit_with_one_argument(request: web.Request) -> web.Response:
    return web.Response()


@auth.permit(lambda request, user: 1)  # type: ignore[arg-type, return-value]  # pyright: ignore[reportArgumentType]
async def permit_without_a_bool(request: web.Request) -> web.Response:
    return web.Response()


@auth.authorize(["admin"])  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
async def authorize_with_a_list(request: web.Request) -> web.Response:
    return web.Response()


@auth.protect  # pyright: ignore[reportArgumentType, reportUntypedClassDecorator]
class NotAView: ...  # type: ignore[type-var]


@sentri.authorize  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
async def imported_call_forgotten(request: web.Request) -> web.Response:
    return web.Response()

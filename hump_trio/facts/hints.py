"""What things are called here that other frameworks call otherwise.

A user who comes from one of them writes its words first. They are looked up where an error is
certain, so that nothing else pays for it; type checkers know none of them.
"""

import linecache
import re
from collections.abc import Iterable, Mapping
from typing import Any, get_args, get_origin

__all__ = [
    "IMPORTS",
    "OF_APP",
    "OF_FOREIGN_CLASS",
    "OF_HUMP",
    "OF_MARKER",
    "OF_PARAMETER",
    "OF_REQUEST",
    "OF_ROUTE",
    "OF_WEBSOCKET",
    "add_hint",
    "hint_of",
    "hint_of_class",
    "hint_of_marker",
]

MIDDLEWARE = "middleware is registered with app.middleware(Cors(...)), or @app.middleware"
LIFESPAN = "what is done before and after serving is an @app.lifespan"
ERRORS = "errors are answered by an @app.exception_handler(LookupError)"
DOCUMENT = "the OpenAPI document is made by app.openapi(title='Shop', version='1')"
INCLUDE = "routers are included with app.include(router)"
ADD_ROUTE = "a route is added with @app.get(path), @app.route(path, methods=[...]) or app.add_route"
STATUS = "the status of an answer is that of Response(body, status)"
QUERY = "query values are request.query, or parameters of the handler"
FILES = "files are parameters of the handler: `picture: UploadFile`"
SOCKET_ROUTE = "a WebSocket is handled by @app.websocket(path), or added by app.add_websocket"
RECEIVE = "`await ws.receive()`; what JSON becomes is an annotation: `ws: WebSocket[In, Out]`"
SEND = "`await ws.send(message)`; of what JSON is made says `ws: WebSocket[In, Out]`"
ITERATE = "messages are iterated: `async for message in ws`"
OF_ITS_REQUEST = "it is the request's: ws.request"
ENDED = "ws.close_code is None while it is open"
TEMPLATE = "render it with a template engine of your own, and return HtmlResponse(text)"
DEPENDS = "what an @app.provide function returns, handlers take by a parameter of that type"
PROVIDE = "what ends with a request is given by an @app.provide function with a yield"
CREDENTIALS = "credentials are parameters: `token: Annotated[str, Bearer()]`, Basic() or ApiKey()"

# Attributes of an app or a router.
OF_APP: Mapping[str, str] = {
    "run": "an app is served by trio.run(app.serve), or by hump-trio module:app",
    "include_router": INCLUDE,
    "register_blueprint": INCLUDE,
    "on_event": LIFESPAN,
    "add_event_handler": LIFESPAN,
    "before_serving": LIFESPAN,
    **dict.fromkeys(("errorhandler", "add_exception_handler"), ERRORS),
    "add_middleware": MIDDLEWARE,
    "before_request": MIDDLEWARE,
    "after_request": MIDDLEWARE,
    "add_api_route": ADD_ROUTE,
    "add_url_rule": ADD_ROUTE,
    "api_route": ADD_ROUTE,
    **dict.fromkeys(("websocket_route", "websocket_listener"), SOCKET_ROUTE),
    **dict.fromkeys(("add_websocket_route", "add_api_websocket_route"), SOCKET_ROUTE),
    "url_path_for": "the path of a route is app.url_for(name)",
    "test_client": "in tests, `with hump_trio.testing.blocking_client(app) as http`, or `async with"
    " client(app) as http`",
    "config": "settings are values of your own, such as those that the lifespan yields: app.state",
    "secret_key": "secrets are those of app.middleware(Sessions(secrets=[SECRET]))",
    "logger": "logs are those of logging.getLogger",
    **dict.fromkeys(("teardown_request", "teardown_appcontext"), PROVIDE),
    **dict.fromkeys(("context_processor", "template_filter", "jinja_env"), TEMPLATE),
    "dependency_overrides": "in tests, client(app, provide={Session: FakeSession()})",
}
# Options of an app.
OF_HUMP: Mapping[str, str] = {
    **dict.fromkeys(("title", "version", "description", "openapi_url", "docs_url"), DOCUMENT),
    **dict.fromkeys(("lifespan", "on_startup", "on_shutdown"), LIFESPAN),
    "middleware": MIDDLEWARE,
    "dependencies": "what is checked before each handler is an @app.middleware",
    "exception_handlers": ERRORS,
    "routes": ADD_ROUTE,
    "debug": "the log has each error with its traceback; hump-trio --reload serves what changes",
}
OF_REQUEST: Mapping[str, str] = {
    "args": QUERY,
    "query_params": QUERY,
    "values": QUERY,
    "data": "the body is request.body",
    "get_data": "the body is request.body",
    "get_json": "JSON is request.json()",
    "files": FILES,
    "remote_addr": "the client's address is request.client[0]",
    "url_for": "the path of a route is request.app.url_for(name)",
    "match_info": "the path's parameters are request.path_params, or parameters of the handler",
    **dict.fromkeys(("authorization", "auth"), CREDENTIALS),
    "view_args": "the path's parameters are request.path_params, or parameters of the handler",
    "user": "what middleware knows of a request it keeps in request.state",
    "is_disconnected": "a handler is cancelled when its client has gone",
}
# Attributes of a WebSocket.
OF_WEBSOCKET: Mapping[str, str] = {
    **dict.fromkeys(("receive_text", "receive_bytes", "receive_json", "receive_str"), RECEIVE),
    **dict.fromkeys(("recv", "get_message", "read_message", "receive_data"), RECEIVE),
    **dict.fromkeys(("send_text", "send_bytes", "send_json", "send_str"), SEND),
    **dict.fromkeys(("send_message", "write_message", "send_data"), SEND),
    **dict.fromkeys(("iter_text", "iter_bytes", "iter_json", "iter_data"), ITERATE),
    **dict.fromkeys(("headers", "cookies", "query_params", "path_params"), OF_ITS_REQUEST),
    **dict.fromkeys(("client", "url", "state", "app", "query", "scope"), OF_ITS_REQUEST),
    "session": "it is the request's: ws.request.session",
    **dict.fromkeys(("client_state", "application_state", "closed", "open"), ENDED),
    "send_denial_response": "raise HttpException(403) before the first use",
    "aclose": "`await ws.close(code, reason)`",
    "ping": "the server sends pings by itself: Timeouts.ping",
}
# Classes of the package that a parameter is annotated with.
OF_PARAMETER: Mapping[str, str] = {
    "Response": "a handler makes its response, and returns it",
    "Hump": "the app is request.app",
    "Session": "the session is request.session",
    "Credentials": "`user: Annotated[Credentials, Basic(realm='shop')]`",
    "Form": "texts of a form are fields of a class: `item: Annotated[Item, Body(form=True)]`",
}
# Other frameworks, whose classes a parameter may still have, and the modules of their markers.
FRAMEWORKS = ("fastapi", "starlette", "litestar", "blacksheep", "sanic", "quart", "aiohttp")
MARKERS = ("fastapi.params", "fastapi.param_functions", "litestar.params")
CONSTRAINTS = "a constraint is `Annotated[int, Meta(ge=1)]` of msgspec, or Field(ge=1) of pydantic"
# Their markers, by the markers' classes.
OF_MARKER: Mapping[str, str] = {
    **{
        name: f"write `from hump_trio import {name}`; {CONSTRAINTS}"
        for name in ("Query", "Header", "Cookie", "Body")
    },
    "Path": f"a parameter that is named in the path needs no marker; {CONSTRAINTS}",
    "Form": OF_PARAMETER["Form"],
    "File": FILES,
    **dict.fromkeys(("Depends", "Security", "Dependency", "DependencyKwarg"), DEPENDS),
    **dict.fromkeys(
        ("Parameter", "ParameterKwarg", "BodyKwarg"),
        f"write Query(), Header(), Cookie() or Body() of hump_trio; {CONSTRAINTS}",
    ),
}
# Their classes that a parameter is annotated with.
OF_FOREIGN_CLASS: Mapping[str, str] = {
    "Request": "`from hump_trio import Request`",
    "WebSocket": "`from hump_trio import WebSocket`",
    "UploadFile": "`from hump_trio import UploadFile`",
    "Response": OF_PARAMETER["Response"],
    "BackgroundTasks": "background work is started with app.start_soon(function, ...)",
}
# Options of a route or a router.
OF_ROUTE: Mapping[str, str] = {
    "status_code": f"it is returns={{201: Item}}; or {STATUS}",
    "response_model": "what is answered is the return annotation of the handler, or returns=",
    "response_class": "return an HtmlResponse, a JsonResponse and so on",
    "responses": "for the document write returns={201: Item} and raises=[404]",
    "dependencies": DEPENDS,
    "include_in_schema": "to leave a route out of the document write hidden=True",
    "summary": "it is the first line of the handler's docstring",
    "description": "it is the handler's docstring",
    "operation_id": "it is the route's name=",
    "endpoint": "it is the route's name=",
    "prefix": "a router's prefix comes first: Router('/shop')",
    "url_prefix": "a router's prefix comes first: Router('/shop')",
}
# Names that are imported from the package.
IMPORTS: Mapping[str, str] = {
    "TestClient": "from hump_trio.testing import client",
    "FastAPI": "from hump_trio import Hump",
    "Flask": "from hump_trio import Hump",
    "Starlette": "from hump_trio import Hump",
    "APIRouter": "from hump_trio import Router",
    "Blueprint": "from hump_trio import Router",
    "HTTPException": "from hump_trio import HttpException",
    "RequestValidationError": "from hump_trio import BindingError",
    "run_in_threadpool": "blocking code is called by `await trio.to_thread.run_sync(...)`",
    "jsonable_encoder": "JsonResponse(value) takes models, dataclasses, dates and so on",
    "JSONResponse": "from hump_trio import JsonResponse",
    "HTMLResponse": "from hump_trio import HtmlResponse",
    "PlainTextResponse": "from hump_trio import Response",
    "StreamingResponse": "from hump_trio import StreamResponse",
    "EventSourceResponse": "from hump_trio import EventStream",
    "CORSMiddleware": "from hump_trio import Cors",
    "GZipMiddleware": "from hump_trio import Compression",
    "TrustedHostMiddleware": "from hump_trio import TrustedHosts",
    "SessionMiddleware": "from hump_trio import Sessions",
    "session": "it is the request's: request.session, with app.middleware(Sessions(...))",
    **dict.fromkeys(("CSRFProtect", "CSRFMiddleware"), "from hump_trio import SameOrigin"),
    "Asgi": "from hump_trio.asgi import Asgi",
    "Wsgi": "from hump_trio.wsgi import Wsgi",
    "WSGIMiddleware": "from hump_trio.wsgi import Wsgi",
    "Mount": "an app of another kind is mounted by app.mount(prefix, Asgi(other))",
    "StaticFiles": "folders are served by app.static(prefix, folder)",
    "BackgroundTasks": "background work is started with app.start_soon(function, ...)",
    "Depends": DEPENDS,
    "Security": DEPENDS,
    **dict.fromkeys(("HTTPBearer", "OAuth2PasswordBearer"), CREDENTIALS),
    **dict.fromkeys(("HTTPBasic", "HTTPBasicCredentials"), CREDENTIALS),
    **dict.fromkeys(("APIKeyHeader", "APIKeyCookie", "APIKeyQuery"), CREDENTIALS),
    "WebSocketDisconnect": "from hump_trio import WebSocketClosed",
    "ConnectionClosed": "from hump_trio import WebSocketClosed",
    "WebSocketException": "raise HttpException before the first use, or `await ws.close(4401)`",
    "WebSocketState": ENDED,
    "Jinja2Templates": TEMPLATE,
    **dict.fromkeys(("render_template", "render_template_string"), TEMPLATE),
    "redirect": "from hump_trio import RedirectResponse",
    "flash": "keep it in request.session, as examples/guestbook does",
    "request": "the request is a parameter of the handler: `request: Request`",
    "g": DEPENDS,
    "current_app": "the app is request.app",
    "abort": "raise HttpException(404)",
    "url_for": "the path of a route is app.url_for(name)",
    "send_file": "from hump_trio import FileResponse",
    "send_from_directory": "FileResponse(name, folder=...)",
    "make_response": "from hump_trio import Response",
    "File": FILES,
    "Path": "a parameter that is named in the path needs no marker",
    "status": "from hump_trio import statuses",
    "jsonify": "return a dict or a list",
}
KEYWORDS: Mapping[str, str] = {
    "status_code": "status",
    "content": "body",
    "response": "body",
    "media_type": "headers={'content-type': ...}",
    "content_type": "headers={'content-type': ...}",
    "mimetype": "headers={'content-type': ...}",
    "description": "detail",
}
OURS = "(?:Html|Json|Redirect|File|Stream)?Response|HttpException"
KEYWORD = re.compile(rf"({OURS})\.__init__\(\) got an unexpected keyword argument '(\w+)'")
# What an error says, what its line says, and what to write.
MISTAKES = [
    (
        r"can't be used in 'await' expression|can't be awaited",
        r"await\s+\w+\.(json|form|text|body)\b",
        "the body is there when the handler starts: drop the await",
    ),
    (
        r"'(bytes|str)' object is not callable",
        r"\.(body|text)\(",
        "drop the parentheses, and an await",
    ),
    (
        r"'(builtin_function_or_)?method' object is not subscriptable",
        r"\.(form|json)\[",
        "form and json are methods: request.form()['name']",
    ),
    (
        r"'(tuple|NoneType)' object has no attribute '(host|port)'",
        r"\.client\.",
        "request.client is a pair of address and port, or None: request.client[0]",
    ),
    (
        r"'dict' object has no attribute",
        r"\.state\.",
        "the state of a request is a dict: request.state['user']",
    ),
    (
        r"'types.SimpleNamespace' object is not subscriptable",
        r"\.state\[",
        "without a lifespan app.state is a namespace: app.state.name",
    ),
    (
        r"'str' object has no attribute '(path|query|hostname|netloc|port|scheme)'",
        r"\.url\.",
        "request.url is text; there are request.path, request.query, request.host and so on",
    ),
    (
        r"'(\w*Response|EventStream|JsonLines)' object (attribute 'media_type' is read-only|"
        r"has no attribute '(status_code|content|media_type)')",
        r"",
        "a response has a status, headers and a body",
    ),
    (
        r"'(MultiMap|\w*Headers)' object has no attribute 'getlist'",
        r"",
        "all values of a name are get_all(name)",
    ),
    (
        r"'UploadFile' object has no attribute",
        r"",
        "a file has a filename, content_type and size_bytes, and `await file.read()`",
    ),
    (
        r"encode_cookie\(\) got an unexpected keyword argument '(httponly|samesite|key)'",
        r"",
        "set_cookie(name, value) takes http_only and same_site, among others",
    ),
    (
        r"set_cookie\(\) missing 1 required positional argument: 'name'",
        r"",
        "a cookie has a name, not a key: set_cookie(name, value)",
    ),
    (
        r"Form\.__init__\(\) missing 2 required positional arguments",
        r"",
        OF_PARAMETER["Form"],
    ),
    (
        r"property 'session' of 'Request' object has no setter",
        r"",
        "the session is changed, not replaced: request.session.update(...), or .clear()",
    ),
    (
        r"async_generator.* can't be (used in 'await' expression|awaited)",
        r"\*\*\w+",
        "a handler with yield isn't awaited: its decorator writes `return handler(...)`",
    ),
    (
        r"\(\) got multiple values for argument",
        r"\*\w+, ?\*\*\w+",
        "a decorator needs @functools.wraps(handler), to be called as its handler is",
    ),
    (
        r"\(\) missing 1 required positional argument: 'request'",
        r"\*\w+, ?\*\*\w+",
        "a decorator passes on the request, or takes its own before a /: `request: Request, /`",
    ),
    (
        r"^Stepped\.__call__\(\) missing 1 required positional argument: 'call_next'",
        r"",
        "middleware is no decorator: app.middleware(RateLimit(rate)), or for one handler"
        " @rate_limit(rate)",
    ),
    (
        r"^no running event loop",
        r"",
        "hump_trio runs on Trio, not on asyncio: trio.sleep, trio.to_thread.run_sync and so on",
    ),
]


def hint_of(hints: Mapping[str, str], names: Iterable[str]) -> str:
    """Return what to write instead of some names, to be put behind an error's words."""
    found = dict.fromkeys(hints[name] for name in names if name in hints)
    return "".join(f": {hint}" for hint in found)


def hint_of_marker(value: Any) -> str:
    """Return what to write instead of another framework's marker, behind its name; else nothing.

    Args:
        value: A default, or what stands beside a type in `Annotated`: the marker, or the function
            that makes it, whose parentheses are missing.
    """
    module = str(getattr(value, "__module__", ""))
    name = getattr(value, "__name__", type(value).__name__)
    foreign = module in MARKERS
    if not foreign and type(value).__name__ not in ("Depends", "Security"):
        return ""
    whose = f"{module.partition('.')[0]}'s " if foreign else ""
    return f"{whose}{name}(...){hint_of(OF_MARKER, [name])}"


def hint_of_class(kind: Any) -> str:
    """Return why a parameter can't be of a class of the package's own, or of another framework's.

    Args:
        kind: A class, or another annotation, perhaps of a collection.
    """
    origin = get_origin(kind) or kind
    bases = getattr(origin, "__mro__", ())
    ours = [each.__name__ for each in bases if each.__module__.startswith("hump_trio.")]
    if ours:
        return hint_of(OF_PARAMETER, ours)
    framework = str(getattr(origin, "__module__", "")).partition(".")[0]
    if framework in FRAMEWORKS:
        return hint_of(OF_FOREIGN_CLASS, [getattr(origin, "__name__", "")])
    return next(filter(None, map(hint_of_class, get_args(kind))), "")


def add_hint(error: BaseException) -> None:
    """Add to an error of a program what to write instead, if its cause is a well-known one."""
    if not isinstance(error, TypeError | AttributeError | RuntimeError):
        return
    hint = ""
    if keyword := KEYWORD.match(str(error)):
        word = KEYWORDS.get(keyword[2])
        hint = f"{keyword[1]} calls it {word}" if word else ""
    for message, source, advice in MISTAKES:
        if re.search(message, str(error)) and re.search(source, line_of(error)):
            hint = advice
    if hint and hint not in getattr(error, "__notes__", ()):
        error.add_note(hint)


def line_of(error: BaseException) -> str:
    """Return the line of code that has raised an error."""
    step = error.__traceback__
    while step is not None and step.tb_next is not None:
        step = step.tb_next
    return (
        "" if step is None else linecache.getline(step.tb_frame.f_code.co_filename, step.tb_lineno)
    )

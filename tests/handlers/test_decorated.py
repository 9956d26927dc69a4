"""Handlers with decorators of a program's own: each natural form of one is called as it asks."""

import functools
import inspect
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Annotated, Any, TypeAlias

import httpx2
import pytest

from hump_trio import Header, HttpException, Hump, Request, RouteError, limit, timeout
from hump_trio.handlers.decorated import parameters_taken
from hump_trio.testing import client

Function: TypeAlias = Callable[..., Any]


@dataclass
class User:
    """What a decorator finds."""

    name: str


def by_keywords(function: Function) -> Function:
    """Pass on what is passed by name."""

    @functools.wraps(function)
    async def wrapper(**kwargs: Any) -> Any:
        return await function(**kwargs)

    return wrapper


def by_everything(function: Function) -> Function:
    """Pass on everything."""

    @functools.wraps(function)
    async def wrapper(*args: Any, **kwargs: Any) -> Any:
        return await function(*args, **kwargs)

    return wrapper


def with_request(function: Function) -> Function:
    """Ask for a request of its own, whatever is around and within."""

    @functools.wraps(function)
    async def wrapper(request: Request, /, *args: Any, **kwargs: Any) -> Any:
        assert isinstance(request, Request)
        return await function(*args, **kwargs)

    return wrapper


def keeping_request(function: Function) -> Function:
    """Ask for the request, for a handler that takes none."""

    @functools.wraps(function)
    async def wrapper(request: Request, *args: Any, **kwargs: Any) -> Any:
        assert isinstance(request, Request)
        return await function(*args, **kwargs)

    return wrapper


def passing_request(function: Function) -> Function:
    """Ask for the request, for a handler that takes it, too."""

    @functools.wraps(function)
    async def wrapper(request: Request, *args: Any, **kwargs: Any) -> Any:
        assert isinstance(request, Request)
        return await function(request, *args, **kwargs)

    return wrapper


def passing_request_by_name(function: Function) -> Function:
    """Ask for the request by keyword alone, for a handler that takes it, too."""

    @functools.wraps(function)
    async def wrapper(*args: Any, request: Request, **kwargs: Any) -> Any:
        assert isinstance(request, Request)
        return await function(*args, request=request, **kwargs)

    return wrapper


def hidden(function: Function) -> Function:
    """Leave out `functools.wraps`, and so the signature."""

    async def wrapper(*args: Any, **kwargs: Any) -> Any:
        return await function(*args, **kwargs)

    return wrapper


class Counted:
    """A decorator that is a class, whose own annotations stay."""

    def __init__(self, function: Function) -> None:
        functools.update_wrapper(self, function)
        self.function = function
        self.count = 0

    async def __call__(self, *args: Any, x_token: Annotated[str, Header()] = "", **kw: Any) -> Any:
        """Count a call, and look at a header."""
        self.count += 1
        assert x_token in ("t", "")
        return await self.function(*args, **kw)


async def nothing() -> str:
    """Take nothing."""
    return "nothing"


async def untyped(n):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    """Take a value of the path as it is."""
    return f"n={n!r}"


async def typed(n: int) -> str:
    """Take one converted value."""
    return f"n={n}"


async def typed_pair(n: int, q: str = "-") -> str:
    """Take two."""
    return f"n={n} q={q}"


async def asking(request: Request) -> str:
    """Take the request."""
    return request.method


async def asking_first(request: Request, n: int) -> str:
    """Take the request and a value."""
    return f"{request.method} n={n}"


async def asking_last(n: int, *, request: Request) -> str:
    """Take them the other way round."""
    return f"{request.method} n={n}"


async def asking_unannotated(request, n: int):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    """Leave the request without an annotation."""
    return f"{request.method} n={n}"


HANDLERS = {
    nothing: "nothing",
    untyped: "n='7'",
    typed: "n=7",
    typed_pair: "n=7 q=x",
    asking: "GET",
    asking_first: "GET n=7",
    asking_last: "GET n=7",
    asking_unannotated: "GET n=7",
}
DECORATORS: list[Function] = [
    by_everything,
    with_request,
    Counted,
    timeout(5),
    limit(5),
]


async def ask(handler: Function, url: str = "/7?q=x") -> httpx2.Response:
    """Return what a handler answers at a path with a number."""
    app = Hump()
    app.get("/{n}")(handler)
    async with client(app) as http:
        return await http.get(url, headers={"x-token": "t"})


@pytest.mark.parametrize("handler", HANDLERS)
@pytest.mark.parametrize("outer", [None, *DECORATORS])
@pytest.mark.parametrize("inner", DECORATORS)
async def test_decorators_that_pass_on_everything_work(
    inner: Function, outer: Any, handler: Function
) -> None:
    """Each form, alone and around another, over each form of handler."""
    decorated = inner(handler)
    if outer is not None:
        decorated = outer(decorated)
    answer = await ask(decorated)
    assert (answer.status_code, answer.text) == (200, HANDLERS[handler])


@pytest.mark.parametrize("outer", [None, by_everything, by_keywords, with_request, timeout(5)])
@pytest.mark.parametrize(
    ("decorator", "handlers"),
    [
        (by_keywords, [*HANDLERS]),
        (keeping_request, [nothing, untyped, typed, typed_pair]),
        (passing_request, [asking, asking_first, asking_unannotated]),
        (passing_request_by_name, [asking, asking_first, asking_last, asking_unannotated]),
    ],
)
async def test_natural_decorators_work(
    decorator: Function, outer: Any, handlers: list[Function]
) -> None:
    """Over the handlers that they are written for, and within others."""
    for handler in handlers:
        decorated = decorator(handler) if outer is None else outer(decorator(handler))
        answer = await ask(decorated)
        assert (answer.status_code, answer.text) == (200, HANDLERS[handler])


@pytest.mark.parametrize("decorator", DECORATORS)
async def test_what_does_not_fit_is_refused_as_without_decorators(decorator: Function) -> None:
    """With the place of the value."""
    answer = await ask(decorator(typed), "/few")
    assert (answer.status_code, answer.json()["errors"][0]["place"]) == (422, "path.n")


async def test_a_hidden_signature_gets_everything() -> None:
    """The request by position, and the path's values by name; decorators around it pass it on."""
    for decorate in (hidden, lambda each: by_everything(hidden(each))):
        answer = await ask(decorate(asking_unannotated))
        assert answer.text == "GET n=7"


async def test_generators_are_decorated_by_generators() -> None:
    """And what returns one streams it too."""

    async def count(n: int) -> AsyncIterator[str]:
        for number in range(n):
            yield str(number)

    @functools.wraps(count)
    async def around(request: Request, **kwargs: Any) -> AsyncIterator[str]:
        yield request.method
        async for part in count(**kwargs):
            yield part

    @functools.wraps(count)
    async def returning(**kwargs: Any) -> AsyncIterator[str]:
        return count(**kwargs)

    assert (await ask(timeout(5)(around), "/3")).text == "GET012"
    assert (await ask(around, "/3")).text == "GET012"
    assert (await ask(returning, "/3")).text == "012"


async def test_a_decorator_gives_a_parameter() -> None:
    """What its ``__signature__`` leaves out is neither bound nor asked of the client."""

    def login_required(function: Function) -> Function:
        @functools.wraps(function)
        async def wrapper(request: Request, **kwargs: Any) -> Any:
            name = request.headers.get("x-token")
            if name is None:
                raise HttpException(401)
            return await function(user=User(name), **kwargs)

        signature = inspect.signature(function)
        left = [each for name, each in signature.parameters.items() if name != "user"]
        wrapper.__signature__ = signature.replace(parameters=left)  # type: ignore[attr-defined]
        return wrapper

    async def show(user: User, n: int) -> str:
        return f"{user.name} n={n}"

    for decorated in (
        login_required(show),
        by_everything(login_required(show)),
        timeout(5)(with_request(login_required(show))),
        login_required(by_keywords(show)),
    ):
        assert (await ask(decorated)).text == "t n=7"


async def test_a_partial_gives_a_parameter() -> None:
    """Within a decorator, around one, and by position."""

    async def show(user: User, n: int) -> str:
        return f"{user.name} n={n}"

    inner = functools.partial(show, user=User("ann"))
    outer = functools.partial(by_everything(show), user=User("ann"))
    first = functools.partial(by_everything(show), User("ann"))
    for decorated in (by_everything(inner), outer, first, by_keywords(outer)):
        assert (await ask(decorated)).text == "ann n=7"


async def test_methods_are_decorated() -> None:
    """In their class; the object is no value of the request."""

    class Shop:
        @by_everything
        async def show(self, n: int) -> str:
            return f"{type(self).__name__} n={n}"

        @timeout(5)
        async def asked(self, request: Request, n: int) -> str:
            return f"{request.method} n={n}"

    shop = Shop()
    assert (await ask(shop.show)).text == "Shop n=7"
    assert (await ask(shop.asked)).text == "GET n=7"


async def test_a_decorator_by_position_takes_the_request() -> None:
    """``*args`` alone has room for that; values are passed by name."""

    def by_position(function: Function) -> Function:
        @functools.wraps(function)
        async def wrapper(*args: Any) -> Any:
            return await function(*args)

        return wrapper

    async def by_position_alone(request: Request, /) -> str:
        return request.method

    assert (await ask(by_position(asking))).text == "GET"
    assert (await ask(by_position(nothing))).text == "nothing"
    assert (await ask(by_everything(by_position_alone))).text == "GET"
    for handler in (typed, asking_first):
        with pytest.raises(RouteError, match=r"passed by name: drop the /, or let its decorator"):
            Hump().get("/{n}")(by_position(handler))


def test_a_request_by_position_passes_through_args() -> None:
    """A decorator without ``*args`` around one that takes it so is refused, and told why."""
    with pytest.raises(
        RouteError, match=r"typed passes on \*\*kwargs alone.* let it pass on \*args"
    ):
        Hump().get("/{n}")(by_keywords(with_request(typed)))


async def test_own_parameters_and_those_of_hidden_functions() -> None:
    """What a decorator has itself, by name or not, and what a hidden function may take."""
    hidden_one = hidden(asking_unannotated)

    def flagged(function: Function) -> Function:
        @functools.wraps(function)
        async def wrapper(*args: Any, flag: int = 5, **kwargs: Any) -> Any:
            assert flag == 5
            return await function(*args, **kwargs)

        return wrapper

    def named(function: Function) -> Function:
        @functools.wraps(function)
        async def wrapper(**kwargs: Any) -> Any:
            return await function(None, **kwargs)

        return wrapper

    assert (await ask(flagged(with_request(typed)))).text == "n=7"
    assert (await ask(flagged(hidden_one))).text == "GET n=7"
    assert (await ask(keeping_request(with_request(nothing)))).text == "nothing"
    assert (await ask(named(hidden(lambda request, n: typed(n))))).text == "n=7"


async def test_a_decorator_may_take_less() -> None:
    """What it doesn't pass on isn't asked for; a default of its own stays, or replaces one."""

    @functools.wraps(typed_pair)
    async def fixed(times: int = 2) -> str:
        return await typed_pair(times)

    @functools.wraps(typed_pair)
    async def other(n: int, q: str = "own") -> str:
        return await typed_pair(n, q)

    assert (await ask(fixed)).text == "n=2 q=-"
    assert (await ask(other, "/7")).text == "n=7 q=own"


def test_an_annotation_that_is_gone_is_refused() -> None:
    """Rather than a header taken for the request; the message says what to write."""

    @functools.wraps(typed)
    async def wrapper(token: Annotated[str, Header()], **kwargs: Any) -> Any: ...

    with pytest.raises(RouteError, match="the decorator of typed has a parameter 'token', whose"):
        Hump().get("/{n}")(wrapper)


def test_what_a_decorator_might_give_is_said() -> None:
    """Where a value can't be bound that a decorator gives, perhaps."""

    async def show(user: User) -> None: ...

    async def both(user: User, other: User) -> None: ...

    hint = "if a decorator gives it, that has to leave it out of its function's __signature__"
    with pytest.raises(RouteError, match=f"user.*{hint}"):
        Hump().get("/")(by_everything(show))
    with pytest.raises(RouteError, match=f"second body.*{hint}"):
        Hump().post("/")(by_everything(both))
    with pytest.raises(RouteError, match=r"or POST; or let an @app.provide"):
        Hump().get("/")(show)


def test_what_has_no_code_is_taken_at_its_word() -> None:
    """Something else than a function may say what it wraps."""

    class Odd:
        __call__ = functools.partial(typed)

        def __init__(self) -> None:
            functools.update_wrapper(self, typed)

    assert [each.name for each in parameters_taken(Odd())] == ["n"]


@pytest.mark.parametrize(
    ("decorators", "warned"),
    [
        (["around", "app.get('/')"], True),
        (["around", "app.get('/')", "around"], True),
        (["around", "around", "app.get('/')"], True),
        (["around", "app.get('/a')", "app.post('/')"], True),
        (["app.get('/')", "around"], False),
        (["app.get('/')"], False),
        (["app.get('/a')", "around", "app.get('/')"], False),
    ],
)
async def test_a_decorator_above_the_verb_is_warned_of(
    decorators: list[str], warned: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """A guard that guards nothing is told when serving begins, unless a route has it too."""
    app = Hump()
    lines = [*(f"@{each}" for each in decorators), "async def show() -> str: return 'tea'"]
    module = {"app": app, "around": by_everything, "__name__": "shop"}
    exec("\n".join(lines), module)
    async with client(app):
        pass
    said = "shop.show is served without the decorator that stands above its verb"
    assert caplog.messages == [said] * warned


async def test_other_functions_of_a_handlers_name_are_none_of_its_business(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """What has its name in the module may be something else, or be gone."""
    app = Hump()
    lines = ("show = 5", "del show", "async def show() -> None: ...", "show = app")
    for number, line in enumerate(lines):
        module: dict[str, Any] = {"app": app, "__name__": "shop"}
        exec(f"@app.get('/{number}')\nasync def show() -> str: return 'tea'\n{line}", module)
    async with client(app):
        pass
    assert not caplog.messages

"""Django, mounted: a project with its admin on SQLite, asked by httpx and used in Chromium."""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import django
import httpx2
import pytest
import trio
from django.conf import settings

from hump_trio import CallNext, Hump, Request, Response
from hump_trio.testing import client
from hump_trio.wsgi import Wsgi
from tests.support.browser import browser
from tests.support.loopback import served
from tests.support.wsgi_apps import validated

NAME, PASSWORD = "ada", "a test's own"
TOKEN = re.compile('name="csrfmiddlewaretoken" value="([^"]+)"')
REFERER = {"referer": "https://testserver/"}  # which Django asks for over TLS
LOGIN = f"""
    (form => {{
        if (!form) return false;
        form.username.value = "{NAME}";
        form.password.value = "{PASSWORD}";
        setTimeout(() => form.submit());
        return true;
    }})(document.querySelector("#login-form"))
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A project with an admin and one who may use it, migrated; Django knows one in a process."""
    folder = tmp_path_factory.mktemp("django")
    apps = ["admin", "auth", "contenttypes", "messages", "sessions"]
    settings.configure(
        SECRET_KEY="a test",
        ALLOWED_HOSTS=["testserver", "127.0.0.1"],
        INSTALLED_APPS=[f"django.contrib.{each}" for each in apps],
        MIDDLEWARE=[
            "django.middleware.security.SecurityMiddleware",
            "django.contrib.sessions.middleware.SessionMiddleware",
            "django.middleware.common.CommonMiddleware",
            "django.middleware.csrf.CsrfViewMiddleware",
            "django.contrib.auth.middleware.AuthenticationMiddleware",
            "django.contrib.messages.middleware.MessageMiddleware",
        ],
        TEMPLATES=[
            {
                "BACKEND": "django.template.backends.django.DjangoTemplates",
                "APP_DIRS": True,
                "OPTIONS": {
                    "context_processors": [
                        "django.template.context_processors.request",
                        "django.contrib.auth.context_processors.auth",
                        "django.contrib.messages.context_processors.messages",
                    ]
                },
            }
        ],
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": folder / "db"}},
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        STATIC_URL="static/",
        LOGGING_CONFIG=None,
        PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],  # the quickest
        USE_TZ=True,
    )
    django.setup()
    from django.contrib import admin
    from django.contrib.auth.models import User
    from django.core.management import call_command
    from django.core.wsgi import get_wsgi_application
    from django.db import connections
    from django.http import FileResponse, HttpResponse, StreamingHttpResponse
    from django.urls import path

    def count(request: Any) -> Any:
        names = User.objects.order_by("id").values_list("username", flat=True)
        return StreamingHttpResponse(f"{name}\n" for name in names.iterator(1))

    def fail(request: Any) -> Any:
        raise LookupError("sold out")

    settings.ROOT_URLCONF = (
        path("admin/", admin.site.urls),
        path("count/", count),
        path("fail/", fail),
        path("file/", lambda request: FileResponse((folder / "db").open("rb"))),
        path("where/", lambda request: HttpResponse(request.build_absolute_uri())),
    )
    call_command("migrate", verbosity=0)
    User.objects.create_superuser(NAME, "ada@shop.example", PASSWORD)
    connections.close_all()
    return get_wsgi_application()


def host_of(project: Any, address: str = "") -> Hump:
    """Return an app that has the project mounted, and serves the admin's static files by itself."""
    host = Hump(address, 0)
    folder = Path(str(django.__file__)).parent / "contrib/admin/static"
    host.static("/shop/static", folder)
    host.mount("/shop", Wsgi(validated(project), threads=4))
    return host


@pytest.fixture
async def http(project: Any) -> AsyncIterator[httpx2.AsyncClient]:
    """A client of an app that has the project mounted."""
    async with client(host_of(project), follow_redirects=True) as http:
        yield http


async def log_in(http: httpx2.AsyncClient) -> None:
    """Log in as the page does."""
    page = (await http.get("/shop/admin/login/")).text
    token = TOKEN.search(page)
    assert token is not None
    form = {"username": NAME, "password": PASSWORD, "csrfmiddlewaretoken": token[1]}
    response = await http.post("/shop/admin/login/?next=/shop/admin/", data=form, headers=REFERER)
    assert [each.status_code for each in response.history] == [302]
    assert "Site administration" in response.text


async def test_the_admin(http: httpx2.AsyncClient) -> None:
    """One logs in, adds a user by a form, and finds the list."""
    assert (await http.get("/shop/admin/")).url.path == "/shop/admin/login/"
    await log_in(http)
    page = (await http.get("/shop/admin/auth/user/add/")).text
    token = TOKEN.search(page)
    assert token is not None
    fields = {"password1": "Tea-4-two", "password2": "Tea-4-two", "usable_password": "true"}
    form = {"username": "bob", "csrfmiddlewaretoken": token[1], **fields}
    added = await http.post("/shop/admin/auth/user/add/", data=form, headers=REFERER)
    assert "was added successfully" in added.text
    names = (await http.get("/shop/admin/auth/user/")).text
    assert "2 users" in names
    assert (await http.get("/shop/count/")).text == "ada\nbob\n"


async def test_a_form_without_its_token(http: httpx2.AsyncClient) -> None:
    """Django refuses it by itself."""
    response = await http.post("/shop/admin/login/", data={"username": NAME})
    assert response.status_code == 403


async def test_urls(http: httpx2.AsyncClient) -> None:
    """They have the prefix, and the host that was asked for."""
    response = await http.get("/shop/where/?a=%20")
    assert response.text.partition("://")[2] == "testserver/shop/where/?a=%20"
    assert (await http.get("/shop/where")).url.path == "/shop/where/"
    other = await http.get("/shop/where/", headers={"host": "other.example"})
    assert other.status_code == 400


async def test_errors_and_files(http: httpx2.AsyncClient) -> None:
    """An error is a page of Django's; a file goes through the file wrapper."""
    assert (await http.get("/shop/fail/")).status_code == 500
    assert (await http.get("/shop/nowhere/")).status_code == 404
    file = await http.get("/shop/file/")
    assert file.content.startswith(b"SQLite format 3\0")
    assert file.headers["content-length"] == str(len(file.content))


async def test_many_at_a_time(http: httpx2.AsyncClient) -> None:
    """Each thread has its own connection to the database, which is closed in that thread."""
    texts: list[str] = []

    async def get() -> None:
        texts.append((await http.get("/shop/count/")).text)

    async with trio.open_nursery() as nursery:
        for _ in range(20):
            nursery.start_soon(get)
    assert len(set(texts)) == 1


@pytest.mark.program("chromium")
async def test_the_admin_in_a_browser(project: Any, tmp_path: Path) -> None:
    """Its login page with its styles, and a list behind it."""
    logged_in = trio.Event()
    host = host_of(project, "127.0.0.1")

    @host.middleware
    async def watch(request: Request, call_next: CallNext) -> Response:
        response = await call_next(request)
        if request.path == "/shop/admin/" and response.status == 200:
            logged_in.set()
        return response

    async with served(host) as url, browser(tmp_path / "profile") as chromium:
        page = await chromium.read_page(f"{url}/shop/admin/login/?next=/shop/admin/", LOGIN)
        assert "Django administration" in page
        await logged_in.wait()
        styled = "getComputedStyle(document.querySelector('#header')).display == 'flex'"
        shown = f"document.querySelector('#result_list') && {styled}"
        page = await chromium.read_page(f"{url}/shop/admin/auth/user/", shown)
    assert f">{NAME}</a>" in page

"""Certificates: which files are taken, what is said of the others, and what is made of them."""

import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trio
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from hump_trio import TLS, BindError, HumpError, TlsError
from hump_trio.transports import certificates
from hump_trio.transports.certificates import Credentials, set_x25519
from hump_trio.transports.memory import memory_transport_pair
from hump_trio.transports.tls_transport import is_strong
from hump_trio.transports.transport import Transport
from tests.support.secured import (
    ClientContext,
    Dribbler,
    End,
    authority,
    client_context,
    hello_of,
    server_context,
    write_certificate,
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a certificate, its key, that key encrypted, and things that are neither."""
    write_certificate(tmp_path)
    other = authority().issue_cert("other")
    other.private_key_pem.write_to_path(tmp_path / "other.pem")
    authority().cert_pem.write_to_path(tmp_path / "ca.pem")
    key = (tmp_path / "key.pem").read_bytes()
    encrypted = load_pem_private_key(key, None).private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret")
    )
    (tmp_path / "encrypted.pem").write_bytes(encrypted)
    certificate = (tmp_path / "certificate.pem").read_bytes()
    (tmp_path / "both.pem").write_bytes(key + certificate)
    (tmp_path / "text.pem").write_text("hello")
    for name in ("CERTIFICATE", "PRIVATE KEY"):
        text = f"-----BEGIN {name}-----\nAAAA\n-----END {name}-----\n"
        (tmp_path / f"damaged {name.lower()}.pem").write_text(text)
    return tmp_path


def tls_of(folder: Path, **options: Any) -> TLS:
    """Return settings whose files are in a folder."""
    paths = {"certificate": "certificate.pem", **options}
    for name in ("certificate", "key", "client_ca"):
        if paths.get(name) is not None:
            paths[name] = str(folder / paths[name])
    return TLS(**paths)


@pytest.mark.parametrize(
    "options",
    [
        {"key": "key.pem"},
        {"certificate": "both.pem"},
        {"key": "key.pem", "password": "not needed"},
        {"key": "encrypted.pem", "password": "secret"},
        {"key": "key.pem", "client_ca": "ca.pem", "client_certificate": "optional"},
    ],
)
def test_good_files_are_taken(options: dict[str, Any], folder: Path) -> None:
    """The key in a file of its own or not, encrypted or not."""
    context = tls_of(folder, **options).create_context()
    asks = "client_certificate" in options
    assert context.verify_mode == (ssl.CERT_OPTIONAL if asks else ssl.CERT_NONE)


@pytest.mark.parametrize(
    ("options", "path", "reason"),
    [
        ({"certificate": "nowhere.pem"}, "nowhere.pem", "No such file"),
        ({"certificate": ""}, "", "Is a directory"),
        ({"certificate": "a\0"}, "a\0", "null"),
        ({"certificate": "text.pem"}, "text.pem", "no certificate in PEM"),
        ({"certificate": "damaged certificate.pem", "key": "key.pem"}, None, "damaged"),
        ({}, "certificate.pem", "no private key in PEM"),
        ({"key": "nowhere.pem"}, "nowhere.pem", "No such file"),
        ({"key": "damaged private key.pem"}, "damaged private key.pem", "damaged"),
        ({"key": "other.pem"}, "other.pem", "not the key of .*certificate.pem"),
        ({"key": "encrypted.pem"}, "encrypted.pem", "no password"),
        ({"key": "encrypted.pem", "password": "wrong"}, "encrypted.pem", "another one"),
        ({"key": "encrypted.pem", "password": "x" * 2000}, "encrypted.pem", "another one"),
        (
            {"key": "key.pem", "client_ca": "key.pem", "client_certificate": "required"},
            "key.pem",
            "no certificate",
        ),
    ],
)
def test_bad_files_are_named(
    options: dict[str, Any], path: str | None, reason: str, folder: Path
) -> None:
    """The error tells the file, and what is wrong with it in a few words."""
    with pytest.raises(TlsError, match=reason) as caught:
        tls_of(folder, **options).create_context()
    assert isinstance(caught.value, HumpError)
    expected = options["certificate"] if path is None else path
    assert caught.value.path == str(folder / expected)
    assert str(caught.value).startswith(f"cannot use {caught.value.path} for TLS: ")


def test_what_openssl_refuses_is_told_in_its_words(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such as a key that is too short for its level of security."""

    def refuse(*args: object) -> None:
        error = ssl.SSLError("bad")
        error.reason = "EE_KEY_TOO_SMALL"
        raise error

    monkeypatch.setattr(ssl.SSLContext, "load_cert_chain", refuse)
    with pytest.raises(TlsError, match="ee key too small"):
        tls_of(folder, key="key.pem").create_context()


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"certificate": 3}, TypeError, "int"),
        ({"key": 3}, TypeError, "int"),
        ({"client_ca": 3, "client_certificate": "required"}, TypeError, "int"),
        ({"password": b"x"}, TypeError, "password is a str"),
        ({"client_certificate": True}, ValueError, "'none', 'optional' or 'required'"),
        ({"minimum_version": "1.1"}, ValueError, "'1.2' or '1.3'"),
        ({"client_certificate": "required"}, ValueError, "both client_ca"),
        ({"client_ca": "ca.pem"}, ValueError, "both client_ca"),
    ],
)
def test_options_are_checked(options: dict[str, Any], error: type[Exception], words: str) -> None:
    """A certificate that is asked for and never checked would be worse than none."""
    with pytest.raises(error, match=words):
        TLS(**{"certificate": "certificate.pem", **options})


def test_a_password_is_not_shown() -> None:
    """Where settings are logged."""
    assert "secret" not in repr(TLS("certificate.pem", password="secret"))


def test_old_ciphers_are_left_out(folder: Path) -> None:
    """Of TLS 1.2 none without forward secrecy and authenticated encryption; no version before."""
    context = tls_of(folder, key="key.pem").create_context()
    for cipher in context.get_ciphers():
        assert cipher["aead"], cipher["name"]
        assert cipher["protocol"] == "TLSv1.3" or cipher["name"].startswith("ECDHE-")
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2
    assert context.options & ssl.OP_NO_RENEGOTIATION
    assert context.options & ssl.OP_NO_COMPRESSION
    newer = tls_of(folder, key="key.pem", minimum_version="1.3").create_context()
    assert newer.minimum_version == ssl.TLSVersion.TLSv1_3


@pytest.mark.parametrize(
    ("version", "chosen"),
    [((1, 1, 1), []), ((3, 0, 19), ["prime256v1"]), ((3, 4, 1), ["prime256v1"]), ((3, 5, 0), [])],
)
def test_costly_groups_are_left_out(
    version: tuple[int, ...], chosen: list[str], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where OpenSSL would take them, one that all clients have is chosen; else its own choice."""
    found: list[str] = []
    monkeypatch.setattr(ssl, "OPENSSL_VERSION_INFO", version)
    monkeypatch.setattr(ssl.SSLContext, "set_ecdh_curve", lambda context, name: found.append(name))
    tls_of(folder, key="key.pem").create_context()
    assert found == chosen


VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]
# What a server answers that asks for a key of another group (RFC 8446 section 4.1.3).
RETRY = bytes.fromhex("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c")


def visitor(version: ssl.TLSVersion, curve: str | None) -> ClientContext:
    """Return a client's context.

    Args:
        version: The highest one that it speaks.
        curve: The one group that it knows; None: all that OpenSSL begins with.
    """
    context = client_context(maximum_version=version)
    if curve is not None:
        context.set_ecdh_curve(curve)
    return context


async def visit(
    credentials: Credentials, context: ClientContext, *, in_bytes: bool = False
) -> tuple[ssl.SSLObject, Transport]:
    """Return both ends of a new connection, as OpenSSL has the client's.

    Args:
        credentials: The server's.
        context: The client's.
        in_bytes: Whether what the client sends comes byte by byte.
    """
    ours, theirs = memory_transport_pair()
    client = End(Dribbler(ours, 0) if in_bytes else ours, context)
    server = credentials.secure(theirs)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(client.handshake)
        nursery.start_soon(server.handshake)
    assert client.receive_nowait() is None  # but for tickets
    return client._tls, server


# The groups that a client may know alone, as far as this Python can tell one to.
KNOWS_X25519 = set_x25519(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
CURVES = [None, *["X25519"][: int(KNOWS_X25519)], "prime256v1"]
each_version = pytest.mark.parametrize("version", VERSIONS, ids=["1.2", "1.3"])
# In TLS 1.2 a client has to know the group of the certificate's key, too.
each_client = pytest.mark.parametrize(
    ("version", "curve"),
    [
        *[(ssl.TLSVersion.TLSv1_2, curve) for curve in (None, "prime256v1")],
        *[(ssl.TLSVersion.TLSv1_3, curve) for curve in CURVES],
    ],
)


@each_client
@pytest.mark.parametrize("in_bytes", [False, True])
async def test_who_knows_one_group_is_served(
    in_bytes: bool, curve: str | None, version: ssl.TLSVersion, folder: Path
) -> None:
    """X25519 or P-256 alone, in either version, and however its beginning is cut."""
    credentials = Credentials(tls_of(folder, key="key.pem"), ["h2", "http/1.1"])
    context = visitor(version, curve)
    context.set_alpn_protocols(["h2"])
    _, server = await visit(credentials, context, in_bytes=in_bytes)
    assert server.protocol == "h2"


@pytest.mark.parametrize("curve", CURVES)
async def test_nobody_is_asked_for_another_key(curve: str | None, folder: Path) -> None:
    """Who begins with X25519 or P-256 needs no further round trip, where Python can offer both."""
    credentials = Credentials(tls_of(folder, key="key.pem"))
    ours, theirs = memory_transport_pair()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(credentials.secure(theirs).handshake)
        await ours.send_all(hello_of(visitor(ssl.TLSVersion.TLSv1_3, curve)))
        answer = await ours.receive_some()
        nursery.cancel_scope.cancel()
    assert answer.startswith(b"\x16\3\3")
    assert (RETRY in answer) == (curve is None and not KNOWS_X25519)


@pytest.mark.parametrize("error", [ssl.SSLError("unknown group"), ValueError("unknown name")])
def test_a_python_that_cannot_offer_x25519(error: Exception) -> None:
    """It is told so by OpenSSL; P-256 alone is offered then."""

    class Old(ssl.SSLContext):
        def set_ecdh_curve(self, name: str) -> None:
            raise error

    assert not set_x25519(Old(ssl.PROTOCOL_TLS_SERVER))


async def test_a_reload_replaces_both_contexts(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If none for X25519 can be made any more, the old one has no further connection."""
    monkeypatch.setattr(ssl, "OPENSSL_VERSION_INFO", (3, 0, 19))
    credentials = Credentials(tls_of(folder, key="key.pem"))
    monkeypatch.setattr(certificates, "set_x25519", lambda context: False)
    credentials.reload()
    ours, theirs = memory_transport_pair()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(credentials.secure(theirs).handshake)
        await ours.send_all(hello_of(visitor(ssl.TLSVersion.TLSv1_3, None)))
        answer = await ours.receive_some()
        nursery.cancel_scope.cancel()
    assert RETRY in answer


@each_version
async def test_other_groups_are_refused(
    version: ssl.TLSVersion, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where OpenSSL would agree on costly ones: P-384 stands for all, since Python can ask for it.

    Every client knows P-256, too (RFC 8446 section 9.1).
    """
    monkeypatch.setattr(ssl, "OPENSSL_VERSION_INFO", (3, 0, 19))
    ours, theirs = memory_transport_pair()
    server = Credentials(tls_of(folder, key="key.pem")).secure(theirs)
    async with trio.open_nursery() as nursery:
        await ours.send_all(hello_of(visitor(version, "secp384r1")))
        await ours.send_eof()
        with pytest.raises(trio.BrokenResourceError, match="handshake"):
            await server.handshake()
        nursery.cancel_scope.cancel()
    answer = await ours.receive_some()
    assert answer.startswith(b"\x15\3")  # an alert


@each_client
async def test_a_session_is_resumed(
    curve: str | None, version: ssl.TLSVersion, folder: Path
) -> None:
    """A client that comes back brings its ticket to the context that has made it, until a reload.

    That costs no signature.
    """
    credentials = Credentials(tls_of(folder, key="key.pem"))
    context = visitor(version, curve)
    for resumed in (False, True, True):
        tls, _ = await visit(credentials, context)
        assert tls.session_reused == resumed
        context.session = tls.session
    credentials.reload()
    tls, _ = await visit(credentials, context)
    assert not tls.session_reused


@each_client
@pytest.mark.parametrize("shows", [True, False])
async def test_every_client_is_asked_for_a_certificate(
    shows: bool, curve: str | None, version: ssl.TLSVersion, folder: Path
) -> None:
    """Whatever group it begins with."""
    asking = tls_of(folder, key="key.pem", client_ca="ca.pem", client_certificate="optional")
    context = visitor(version, curve)
    if shows:
        authority().issue_cert("me@example.com", common_name="me").configure_cert(context)
    _, server = await visit(Credentials(asking), context)
    assert ("'me'" in str(server.client_certificate)) == shows


@pytest.mark.parametrize(("version", "count"), [((3, 0, 19), 2), ((3, 5, 0), 1)])
def test_a_second_context_is_made_where_it_has_to_be(
    version: tuple[int, ...], count: int, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where OpenSSL's own choice of groups is a good one, all clients have one context."""
    monkeypatch.setattr(ssl, "OPENSSL_VERSION_INFO", version)
    made: list[TLS] = []
    create = TLS.create_context

    def note(self: TLS, *args: Any) -> ssl.SSLContext:
        made.append(self)
        return create(self, *args)

    monkeypatch.setattr(TLS, "create_context", note)
    Credentials(tls_of(folder, key="key.pem"))
    assert len(made) == count


class Source:
    """Makes contexts that agree on HTTP/2, as a program of its own may."""

    def create_context(self) -> ssl.SSLContext:
        """Return one."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority().issue_cert("localhost").configure_cert(context)
        context.set_alpn_protocols(["h2"])
        return context


async def test_what_tls_settings_agree_on_is_strong(folder: Path) -> None:
    """No cipher of theirs may be refused by a client of HTTP/2 (RFC 9113 section 9.2.2)."""
    ciphers = [
        each["name"] for each in tls_of(folder, key="key.pem").create_context().get_ciphers()
    ]
    assert len(ciphers) > 3
    assert all(map(is_strong, ciphers))


async def agree(credentials: Credentials, offered: list[str] | None) -> str:
    """Return the protocol that a server's end knows once a client has shaken hands with it."""
    context = client_context()
    if offered is not None:
        context.set_alpn_protocols(offered)
    ours, theirs = memory_transport_pair()
    client, server = End(ours, context), credentials.secure(theirs)
    assert server.protocol == "http/1.1"  # until something else is agreed on
    async with trio.open_nursery() as nursery:
        nursery.start_soon(client.handshake)
        nursery.start_soon(server.handshake)
    assert client.protocol == server.protocol
    return server.protocol


@pytest.mark.parametrize(
    ("spoken", "offered", "agreed"),
    [
        ((), None, "http/1.1"),
        ((), [], "http/1.1"),
        ((), ["h2", "http/1.1"], "http/1.1"),
        ((), ["h2"], "http/1.1"),  # nothing was agreed on
        ((("h2", "http/1.1"),), ["http/1.1", "h2"], "h2"),
        ((("h2", "http/1.1"),), ["http/1.1"], "http/1.1"),
        ((("h2", "http/1.1"),), ["http/1.0"], "http/1.1"),
        ((("h2", "http/1.1"),), None, "http/1.1"),
    ],
)
async def test_a_protocol_is_agreed_on(
    spoken: tuple[tuple[str, ...], ...], offered: list[str] | None, agreed: str, folder: Path
) -> None:
    """The server's first one that the client speaks too; HTTP/1.1 unless it is told otherwise.

    New files change nothing of that.
    """
    credentials = Credentials(tls_of(folder, key="key.pem"), *spoken)
    assert await agree(credentials, offered) == agreed
    credentials.reload()
    assert await agree(credentials, offered) == agreed


@pytest.mark.parametrize("source", [Source(), Source().create_context()])
async def test_a_program_chooses_the_protocols_of_its_own_contexts(source: Any) -> None:
    """What they agree on is told, whatever the server speaks."""
    assert await agree(Credentials(source), ["h2", "http/1.1"]) == "h2"
    assert await agree(Credentials(source), ["http/1.1"]) == "http/1.1"


def test_a_context_of_the_programs_is_not_made_anew() -> None:
    """It says what to do instead."""
    with pytest.raises(RuntimeError, match="load_cert_chain"):
        Credentials(server_context()).reload()


def test_errors_of_binds_are_others() -> None:
    """What is wrong is told apart: an address, or a certificate."""
    kinds: list[Callable[..., Exception]] = [BindError, TlsError]
    assert [str(kind("a", "b")) for kind in kinds] == [
        "cannot listen on a: b",
        "cannot use a for TLS: b",
    ]

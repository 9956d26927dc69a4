"""Certificates: the files that they are in, and the contexts that are made of these files.

How a connection is secured with a context isn't known here.
"""

import os
import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias, get_args

from hump_trio.facts.exceptions import TlsError
from hump_trio.facts.loggers import logger
from hump_trio.transports.tls_transport import TlsTransport
from hump_trio.transports.transport import HTTP_1_1, Transport

__all__ = ["TLS", "Credentials", "set_x25519"]

StrPath: TypeAlias = str | os.PathLike[str]
ClientCertificate: TypeAlias = Literal["none", "optional", "required"]


VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}
DEMANDS = {
    "none": ssl.CERT_NONE,
    "optional": ssl.CERT_OPTIONAL,
    "required": ssl.CERT_REQUIRED,
}
# For TLS 1.2: ciphers with forward secrecy (RFC 9325 section 4.2). All of TLS 1.3's have it.
CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"

# These versions of OpenSSL let a client choose ffdhe8192, which takes a processor 100 ms for each
# handshake (CVE-2022-40735). Python can't leave that one out, only choose one. So one context has
# P-256, which every client has (RFC 8446 section 9.1), and another one X25519, with which nearly
# all begin, and which takes OpenSSL less time.
COSTLY_GROUPS = ((3, 0), (3, 5))


@dataclass(frozen=True, slots=True)
class TLS:
    """Where the certificate of a server is, and what is asked of its clients.

    With TLS 1.2 only ciphers with forward secrecy and authentication are used, no compression and
    no renegotiation. By ALPN the server agrees on the best protocol that both sides speak.

    Args:
        certificate: Path of a PEM file with the server's certificate, followed by those that lead
            to its authority's.
        key: Path of a PEM file with the certificate's key; None: it is in the same file.
        password: What the key is encrypted with, if it is.
        client_ca: Path of a PEM file with the authorities that certify clients.
        client_certificate: Whether clients have to show a certificate (see
            `Request.client_certificate`). A certificate that is shown has to be valid.
        minimum_version: The lowest version of TLS that is spoken.

    Raises:
        TypeError: A path or the password has the wrong type.
        ValueError: An option has none of these values; or client certificates are asked for
            without their authorities, or the other way round.
    """

    certificate: StrPath
    key: StrPath | None = None
    password: str | None = field(default=None, repr=False, kw_only=True)
    client_ca: StrPath | None = field(default=None, kw_only=True)
    client_certificate: ClientCertificate = field(default="none", kw_only=True)
    minimum_version: Literal["1.2", "1.3"] = field(default="1.2", kw_only=True)

    def __post_init__(self) -> None:
        os.fspath(self.certificate)
        for path in (self.key, self.client_ca):
            if path is not None:
                os.fspath(path)
        if not isinstance(self.password, str | None):
            raise TypeError("TLS.password is a str")
        if self.client_certificate not in get_args(ClientCertificate):
            raise ValueError(
                "TLS.client_certificate is 'none', 'optional' or 'required', not"
                f" {self.client_certificate!r}"
            )
        if self.minimum_version not in VERSIONS:
            raise ValueError(f"TLS.minimum_version is '1.2' or '1.3', not {self.minimum_version!r}")
        if (self.client_ca is None) != (self.client_certificate == "none"):
            raise ValueError(
                "certificates of clients take both client_ca= and"
                " client_certificate='required' or 'optional'"
            )

    def create_context(self, protocols: Sequence[str] = (HTTP_1_1,)) -> ssl.SSLContext:
        """Read the files, and return a context for new connections.

        Args:
            protocols: What the server speaks, by the names of ALPN; the server takes the first one
                that the client speaks too (RFC 7301 section 3.2).

        Raises:
            TlsError: A file can't be used.
        """
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = VERSIONS[self.minimum_version]
        context.set_ciphers(CIPHERS)
        context.set_alpn_protocols(protocols)
        context.options |= ssl.OP_NO_RENEGOTIATION
        if has_costly_groups():
            context.set_ecdh_curve("prime256v1")
        context.num_tickets = 1  # enough for a client's next connection
        self._load_certificate(context)
        if self.client_ca is not None:
            load_authorities(context, self.client_ca)
        context.verify_mode = DEMANDS[self.client_certificate]
        return context

    def _load_certificate(self, context: ssl.SSLContext) -> None:
        """Load the certificate and its key into a context.

        Raises:
            TlsError: A file can't be used.
        """
        key = self.certificate if self.key is None else self.key
        check_file(self.certificate, "CERTIFICATE")
        encrypted = "ENCRYPTED" in check_file(key, "PRIVATE KEY")
        if encrypted and self.password is None:
            raise TlsError(str(key), "it is encrypted, and there is no password for it")
        # This tells a bad certificate from a bad key, which OpenSSL doesn't.
        load_authorities(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), self.certificate)
        try:
            # Without any password OpenSSL would ask for one at the terminal.
            context.load_cert_chain(self.certificate, key, self.password or "")
        except (ssl.SSLError, ValueError) as error:
            reason = getattr(error, "reason", None)
            if reason == "KEY_VALUES_MISMATCH":
                text = f"it is not the key of {os.fspath(self.certificate)}"
            elif reason is not None:
                text = reason.lower().replace("_", " ")
            else:
                text = "its password is another one" if encrypted else "it is damaged"
            raise TlsError(str(key), text) from error


def has_costly_groups() -> bool:
    """Tell whether OpenSSL would agree on groups that cost too much, unless there is one alone."""
    return COSTLY_GROUPS[0] <= ssl.OPENSSL_VERSION_INFO < COSTLY_GROUPS[1]


def set_x25519(context: ssl.SSLContext) -> bool:
    """Let a context agree on X25519 alone; False where Python can't, as that of Debian 12."""
    try:
        context.set_ecdh_curve("X25519")
    except (ssl.SSLError, ValueError):  # ValueError: OpenSSL knows no such name
        return False
    return True


class Credentials:
    """What a server secures its connections with.

    A reload replaces the contexts as a whole, and only if every file is good.

    Args:
        source: A `TLS`, another object with a ``create_context``, or a context.
        protocols: What the server speaks, by the names of ALPN, the preferred one first. Contexts
            that the program makes offer what the program has told them to.

    Raises:
        TlsError: A file can't be used.
    """

    def __init__(self, source: Any, protocols: Sequence[str] = (HTTP_1_1,)) -> None:
        self._source = source
        self._protocols = protocols
        self._x25519: ssl.SSLContext | None = None
        if isinstance(source, ssl.SSLContext):
            self._context = source
        else:
            self._read_files()

    def _read_files(self) -> None:
        """Make new contexts.

        Raises:
            TlsError: A file can't be used; the old contexts stay.
        """
        if not isinstance(self._source, TLS):
            self._context = self._source.create_context()
            return
        context, x25519 = self._source.create_context(self._protocols), None
        if has_costly_groups():
            x25519 = self._source.create_context(self._protocols)
            if not set_x25519(x25519):
                x25519 = None
        self._context, self._x25519 = context, x25519

    def secure(self, transport: Transport) -> Transport:
        """Return the server's end of TLS over a transport, which it owns."""
        return TlsTransport(transport, self._context, x25519=self._x25519)

    def reload(self) -> None:
        """Make new contexts for the connections to come; those that are open keep the old ones.

        Raises:
            RuntimeError: The context was made by the program.
            TlsError: A file can't be used; the old contexts stay.
        """
        if isinstance(self._source, ssl.SSLContext):
            raise RuntimeError(
                "an SSLContext of the program's can't be made anew: call its load_cert_chain, or"
                " write tls=TLS(certificate, key)"
            )
        self._read_files()
        logger.info("new connections are secured with %s", self._source)


def check_file(path: StrPath, kind: str) -> str:
    """Return the text of a PEM file.

    Args:
        path: The file.
        kind: What it has to hold, such as ``CERTIFICATE``.

    Raises:
        TlsError: It can't be read, or holds nothing of that kind.
    """
    try:
        with open(path, encoding="latin-1") as file:
            text = file.read()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else None
        raise TlsError(str(path), reason or str(error)) from error
    if f"{kind}-----" not in text:
        raise TlsError(str(path), f"it holds no {kind.lower()} in PEM")
    return text


def load_authorities(context: ssl.SSLContext, path: StrPath) -> None:
    """Let a context trust the certificates in a file.

    Raises:
        TlsError: The file can't be used.
    """
    check_file(path, "CERTIFICATE")
    try:
        context.load_verify_locations(path)
    except ssl.SSLError as error:
        raise TlsError(str(path), "a certificate in it is damaged") from error

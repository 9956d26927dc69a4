"""What connections are secured with, as a user gives it, and the credentials made of that.

Neither certificates nor TLS are known here: few programs use them, so they are loaded on demand.
"""

import ssl
from collections.abc import Iterable, Sequence
from typing import Any, Protocol, TypeAlias, runtime_checkable

from hump_trio.facts.exceptions import BindError

__all__ = ["TlsSource", "check_tls_source", "load_credentials"]


@runtime_checkable
class ContextSource(Protocol):
    """An object that makes contexts for new connections, such as `hump_trio.TLS`."""

    def create_context(self) -> ssl.SSLContext:
        """Return a server's context."""


TlsSource: TypeAlias = ContextSource | ssl.SSLContext


def check_tls_source(source: object) -> None:
    """Refuse what connections can't be secured with.

    Args:
        source: As a user gives it; None: connections aren't secured.

    Raises:
        TypeError: It is neither a context nor an object that makes contexts.
        ValueError: It is a client's context.
    """
    if not isinstance(source, ContextSource | ssl.SSLContext | None):
        raise TypeError(f"write tls=TLS(certificate, key), or a context, not {source!r:.80}")
    if isinstance(source, ssl.SSLContext) and source.protocol == ssl.PROTOCOL_TLS_CLIENT:
        raise ValueError("tls takes a server's context, and this one is a client's")


def load_credentials(
    source: TlsSource | None, binds: Iterable[str], protocols: Sequence[str]
) -> Any:
    """Return the `Credentials` that connections are secured with; None if there is no source.

    Args:
        source: As a user gives it.
        binds: What is listened on.
        protocols: What the server speaks, by the names of ALPN, the preferred one first.

    Raises:
        BindError: A bind asks for HTTPS, and there is no source.
        TlsError: The certificate or its key can't be used.
    """
    if source is None:
        for bind in binds:
            if bind.startswith("https://"):
                raise BindError(bind, "HTTPS takes tls=TLS(certificate, key), or --tls-cert")
        return None
    from hump_trio.transports.certificates import Credentials

    return Credentials(source, protocols)

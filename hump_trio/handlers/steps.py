"""The three steps from a request to the value of a parameter, each a contract.

`Get` finds what came for a parameter, `Read` makes a value of what came, `Parse` makes one of a
single text. A handler's getters are made at registration; what it doesn't ask for costs nothing.
"""

from typing import Any, Protocol, TypeVar

__all__ = ["Get", "Parse", "Read"]

Holder = TypeVar("Holder", contravariant=True)


class Parse(Protocol):
    """The last step: from a text to a value.

    A `Parse` is made for one type (see `parser_of`), and knows nothing of requests. It is a pure
    function: it keeps nothing and waits for nothing.
    """

    def __call__(self, text: str, /) -> Any:
        """Return the value that a text is.

        Raises:
            ValueError: The text is no value of the type; `explain_mismatch` has the reason in
                words for the client.
        """
        ...


class Read(Protocol):
    """The middle step: from all texts of one name, and from where they stand, to a value.

    A `Read` is made for one type and one default (see `reader_of`). It knows what an absent, an
    empty and a repeated text mean, and it must not know where the texts were found. It keeps
    nothing, waits for nothing and leaves the texts as they are.
    """

    def __call__(self, texts: list[str], place: str, /) -> Any:
        """Return the value of some texts, or the default if there are none.

        Args:
            texts: In the order in which they came; empty if the name didn't come.
            place: Where they stand, such as ``query.page``, for errors.

        Raises:
            BindingError: 422, with the place, or with places below it, such as ``query.ids[2]``.
        """
        ...


class Get(Protocol[Holder]):
    """The first step: from a request to the value of one parameter, by the other two.

    The holder of the values is a `Request`, with its body where the parameter is taken from that;
    or, where the handler takes files, the `Form` that was received. A `Get` waits for nothing. The
    value belongs to the holder, which closes its files. A `Get` may be called again for the same
    holder, with the same outcome: so is all that is wrong told at once (see `get_all`).
    """

    def __call__(self, holder: Holder, /) -> Any:
        """Return the value.

        Raises:
            BindingError: With each place that is wrong: 422 for what breaks a type, 400 for what
                can't be decoded, 415 for a body of another type.
        """
        ...

"""The ``Authorization`` field to the letter, and the challenge that asks for it."""

from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hump_trio import Credentials
from hump_trio.messages.authorization import encode_challenge, parse_authorization, parse_basic


def basic(text: str | bytes) -> str:
    """Return the token that a client makes of a name, a colon and a password."""
    return b64encode(text.encode() if isinstance(text, str) else text).decode()


@pytest.mark.parametrize(
    ("value", "token"),
    [
        ("Bearer abc", "abc"),
        ("bearer abc", "abc"),
        ("BEARER   abc", "abc"),
        (" \tBearer abc\t ", "abc"),
        ("Bearer aZ09-._~+/==", "aZ09-._~+/=="),
        ("Bearer " + "a" * 30_000, "a" * 30_000),
        ("Basic abc", None),
        ("Bearers abc", None),
        ('Digest username="a", response="b"', None),
        ("Negotiate", None),
    ],
)
def test_a_token_stands_behind_its_scheme(value: str, token: str | None) -> None:
    """In upper case or lower; what stands behind another scheme is no matter of this one's."""
    assert parse_authorization([value], "bearer") == token


def test_a_field_that_did_not_come_has_no_token() -> None:
    """That is no fault by itself."""
    assert parse_authorization([], "bearer") is None


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("", "no scheme"),
        ('"Bearer" abc', "no scheme"),
        (",Bearer abc", "no scheme"),
        ("Bearer", "malformed"),
        ("Bearer ", "malformed"),
        ("Bearer\tabc", "malformed"),
        ("Bearer \tabc", "malformed"),
        ("Bearer=abc", "malformed"),
        ("Bearer: abc", "malformed"),
        ("Bearer abc def", "malformed"),
        ("Bearer abc,", "malformed"),
        ("Bearer abc, Bearer def", "malformed"),
        ("Bearer =", "malformed"),
        ("Bearer a=b", "malformed"),
        ("Bearer \xe9", "malformed"),
        ("Bearer abc\x00", "malformed"),
        ("Bearer abc\n", "malformed"),
        ('Bearer token="abc"', "malformed"),
        ("Bearer " + "a" * 30_000 + "!", "malformed"),
    ],
)
def test_what_two_programs_could_read_differently_is_malformed(value: str, reason: str) -> None:
    """The error's words repeat nothing that came."""
    with pytest.raises(ValueError, match=reason) as raised:
        parse_authorization([value], "bearer")
    assert "abc" not in str(raised.value)


@pytest.mark.parametrize("second", ["Bearer abc", "Bearer def", "Basic YTpi", ""])
def test_a_second_field_is_malformed(second: str) -> None:
    """Even an equal one: a proxy may have looked at either."""
    with pytest.raises(ValueError, match="twice"):
        parse_authorization(["Bearer abc", second], "bearer")


@given(st.text(st.characters(max_codepoint=255), max_size=40))
def test_any_value_has_a_token_or_none_or_a_fault(value: str) -> None:
    """Nothing else happens, and a token is nothing but what was sent."""
    try:
        token = parse_authorization([f"Bearer {value}"], "bearer")
    except ValueError:
        return
    assert token == value.strip(" \t")


@pytest.mark.parametrize(
    ("text", "user", "password"),
    [
        ("Aladdin:open sesame", "Aladdin", "open sesame"),
        ("test:123£", "test", "123£"),  # RFC 7617 section 2.1
        ("a:b:c", "a", "b:c"),
        ("key:", "key", ""),
        (":secret", "", "secret"),
        (":", "", ""),
        ("né:日本", "né", "日本"),
    ],
)
def test_a_name_ends_at_the_first_colon(text: str, user: str, password: str) -> None:
    """Both are UTF-8, and both may be empty."""
    assert parse_basic(basic(text)) == Credentials(user, password)


@pytest.mark.parametrize(
    "token",
    [
        basic("no colon"),
        basic(""),
        basic(b"\xe9:latin"),
        basic("a:\x00b"),
        basic("a\nb:c"),
        basic("a:b\x7f"),
        basic("a:bc").rstrip("="),
        "YTpi=",
        "YTpi====",
        "YTp",
        "YTq=",
        "YTpiYR==",
        "YT-_",
        "~~~~",
        "=",
    ],
)
def test_what_is_no_name_and_password_is_malformed(token: str) -> None:
    """The error neither repeats them nor has a cause that does."""
    with pytest.raises(ValueError, match="they are no") as raised:
        parse_basic(token)
    assert raised.value.__cause__ is None
    assert raised.value.__suppress_context__ or raised.value.__context__ is None


@given(st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S", "Zs"))))
def test_each_name_and_password_comes_back(text: str) -> None:
    """Whatever RFC 7617 allows."""
    user = text.replace(":", "")
    assert parse_basic(basic(f"{user}:{text}")) == Credentials(user, text)


def test_a_password_is_not_shown() -> None:
    """Neither in logs nor in tracebacks that print values."""
    assert repr(Credentials("tom", "secret")) == "Credentials(user='tom')"


def test_a_challenge_quotes_what_it_says() -> None:
    """What can't be quoted so that all clients read it is refused where it is written."""
    assert encode_challenge("Basic", realm='a "b" \\', charset="UTF-8") == (
        'Basic realm="a \\"b\\" \\\\", charset="UTF-8"'
    )
    assert encode_challenge("Bearer", realm="") == "Bearer"
    for realm in ("é", "a\r\nb", "\x7f", "\u2028"):
        with pytest.raises(ValueError, match="the realm is printable ASCII"):
            encode_challenge("Basic", realm=realm)

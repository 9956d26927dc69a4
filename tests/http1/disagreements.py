"""Where h11 or httptools read a sample otherwise than we do, and which clause decides.

Of two readings that the clauses allow, the strict one wins: what is refused can't be smuggled.
"""

from typing import NamedTuple


class Row(NamedTuple):
    """What the strangers do: agree, take, refuse, wait for more, or differ in what they take.

    Args:
        h11: What h11 does.
        httptools: What httptools does.
        clause: What decides.
    """

    h11: str
    httptools: str
    clause: str


# The RFC, its section, and what it says.
METHOD = "9110 9.1: a method is any token, known or not"
SPACES = "9112 3: one SP between the parts; splitting at any blank is what smugglers hope for"
NO_VERSION = "9112 3: a request line has a version"
VERSION = "9110 15.6.6: 505 for a major version not spoken"
MINOR = "9110 2.5: a higher minor is processed as the highest one known, and said to be that"
FRAGMENT = "9110 7.1: a target has no fragment"
ORIGIN = "9112 3.2.1: origin-form begins with a slash"
ASTERISK = "9112 3.2.4: asterisk-form is for OPTIONS alone"
AUTHORITY = "9112 3.2.3: authority-form is for CONNECT alone"
SCHEME = "9110 7.4: no http or https URI, so none that we answer for"
USERINFO = "9110 4.2.4: userinfo is treated as an error"
EMPTY_HOST = "9110 4.2.1: an http URI with an empty host is invalid"
TARGET_HOST = "3986 3.2: an authority is uri-host [:port], behind two slashes"
PORT = "9293 3.1: a port has 16 bits"
CONNECT = "9112 3.2.3: CONNECT names a host and a port"
CONNECT_BODY = "9110 9.3.6: CONNECT has no content; read as a body or a tunnel, it is refused"
ESCAPE = "3986 2.1: % is followed by two hex digits"
UTF8 = "3629 3: not UTF-8, so two decoders would read two paths"
LINE = "9112 2.2: only CRLF ends a line here, and a byte that can't stand is refused at once"
TARGET_CAP = "9112 3: 414 past the cap of the request line"
HEAD_CAP = "6585 5: 431 past the caps of the head"
FOLD = "9112 5.2: obs-fold is refused"
CTL = "9110 5.5: no control character in a value"
LF_LEADS = "9112 2.2: CRLF ends a line; h11 ends the section at the LF and reads on"
NO_HOST = "9112 3.2: 400 without Host"
TWO_HOSTS = "9112 3.2: 400 for more than one Host"
HOST = "9110 7.2: Host is uri-host [:port]; 9112 3.2: else 400"
OVERFLOW = "9110 8.6: a length must not overflow; 413 without waiting for it"
SAME_LENGTHS = "9110 8.6: equal lengths may be refused"
BOTH = "9112 6.1: both framings at once may be refused"
CASE = "9112 7: coding names ignore case; h11 rewrites the value"
BLANKS = "9110 5.5: blanks around a value don't belong to it"
EMPTY_ITEM = "9110 5.6.1: nobody may send empty list items; in framing they are refused"
CODING_10 = "9112 6.1: Transfer-Encoding in HTTP/1.0 is faulty framing"
CODING = "9112 6.1: 501 for a coding that isn't understood"
BWS = "9112 7.1.1 and 9110 5.6.3: blanks around ; and = must be parsed"
EXTENSION_CAP = "9112 7.1.1: extensions are capped"
EXTENSION = "9112 7.1.1: an extension is ; token [= token or quoted-string] and nothing else"
CHUNK_SIZE = "9112 7.1: CRLF or ; follows the size, which must not overflow: 16 digits are 64 bits"
TRAILER_CAP = "9112 7.1.2: trailers are capped as the head is"
TRAILER = "9110 6.5.1: framing, routing and credentials don't come in trailers"
EMPTY_LINE = "9112 2.2: empty lines before a request are ignored, up to a cap; only CRLF is one"

DISAGREEMENTS = {
    "line-method-unknown": Row("agrees", "refuses", METHOD),
    "line-method-lower": Row("agrees", "refuses", METHOD),
    "line-method-every-mark": Row("agrees", "refuses", METHOD),
    "line-two-spaces": Row("agrees", "takes", SPACES),
    "line-two-spaces-late": Row("agrees", "takes", SPACES),
    "line-http09": Row("agrees", "takes", NO_VERSION),
    "line-version-09": Row("takes", "takes", VERSION),
    "line-version-12": Row("differs", "refuses", MINOR),
    "line-version-19": Row("differs", "refuses", MINOR),
    "line-version-20": Row("takes", "takes", VERSION),
    "line-version-30": Row("takes", "agrees", VERSION),
    "line-target-fragment": Row("takes", "takes", FRAGMENT),
    "line-target-relative": Row("takes", "agrees", ORIGIN),
    "line-target-query-alone": Row("takes", "agrees", ORIGIN),
    "line-asterisk-get": Row("takes", "takes", ASTERISK),
    "line-authority-get": Row("takes", "agrees", AUTHORITY),
    "line-absolute-other-scheme": Row("takes", "takes", SCHEME),
    "line-absolute-one-slash": Row("takes", "agrees", TARGET_HOST),
    "line-absolute-no-host": Row("takes", "takes", EMPTY_HOST),
    "line-absolute-port-alone": Row("takes", "takes", EMPTY_HOST),
    "line-absolute-userinfo": Row("takes", "takes", USERINFO),
    "line-absolute-userinfo-password": Row("takes", "takes", USERINFO),
    "line-absolute-bad-port": Row("takes", "takes", TARGET_HOST),
    "line-absolute-far-port": Row("takes", "takes", PORT),
    "line-absolute-open-bracket": Row("takes", "takes", TARGET_HOST),
    "line-absolute-backslash": Row("takes", "agrees", TARGET_HOST),
    "line-connect-no-port": Row("takes", "takes", CONNECT),
    "line-connect-empty-port": Row("takes", "takes", CONNECT),
    "line-connect-no-host": Row("takes", "takes", CONNECT),
    "line-connect-ipv6-no-port": Row("takes", "takes", CONNECT),
    "line-connect-path": Row("takes", "takes", CONNECT),
    "line-connect-absolute": Row("takes", "takes", CONNECT),
    "line-connect-asterisk": Row("takes", "takes", CONNECT),
    "line-escape-not-hex": Row("takes", "takes", ESCAPE),
    "line-escape-cut": Row("takes", "takes", ESCAPE),
    "line-escape-percent-alone": Row("takes", "takes", ESCAPE),
    "line-escape-not-utf8": Row("takes", "takes", UTF8),
    "line-escape-overlong": Row("takes", "takes", UTF8),
    "line-escape-surrogate": Row("takes", "takes", UTF8),
    "line-escape-split-by-slash": Row("takes", "takes", UTF8),
    "line-lf-ended": Row("takes", "agrees", LINE),
    "line-target-past-the-cap": Row("takes", "takes", TARGET_CAP),
    "line-target-far-past-the-cap": Row("takes", "takes", TARGET_CAP),
    "line-method-far-too-long": Row("takes", "agrees", TARGET_CAP),
    "field-count-past-the-cap": Row("takes", "takes", HEAD_CAP),
    "field-bytes-past-the-cap": Row("takes", "takes", HEAD_CAP),
    "field-bytes-one-past-the-cap": Row("takes", "takes", HEAD_CAP),
    "field-fold-space": Row("takes", "agrees", FOLD),
    "field-fold-tab": Row("takes", "agrees", FOLD),
    "field-fold-of-host": Row("takes", "agrees", FOLD),
    "field-fold-empty": Row("takes", "agrees", FOLD),
    "field-value-escape": Row("takes", "agrees", CTL),
    "field-value-del": Row("takes", "agrees", CTL),
    "field-bare-lf": Row("takes", "agrees", LINE),
    "field-bare-lf-leads": Row("differs", "agrees", LF_LEADS),
    "host-missing": Row("agrees", "takes", NO_HOST),
    "host-missing-with-fields": Row("agrees", "takes", NO_HOST),
    "host-absolute-missing": Row("agrees", "takes", NO_HOST),
    "host-absolute-malformed": Row("takes", "takes", HOST),
    "host-twice": Row("agrees", "takes", TWO_HOSTS),
    "host-twice-the-same": Row("agrees", "takes", TWO_HOSTS),
    "host-twice-other-case": Row("agrees", "takes", TWO_HOSTS),
    "host-list": Row("takes", "takes", HOST),
    "host-space": Row("takes", "takes", HOST),
    "host-userinfo": Row("takes", "takes", HOST),
    "host-open-bracket": Row("takes", "takes", HOST),
    "host-bracket-tail": Row("takes", "takes", HOST),
    "host-ipv6-malformed": Row("takes", "takes", HOST),
    "host-ipv6-unbracketed": Row("takes", "takes", HOST),
    "host-ipv6-zone": Row("takes", "takes", HOST),
    "host-ipv4-in-brackets": Row("takes", "takes", HOST),
    "host-bad-port": Row("takes", "takes", HOST),
    "host-negative-port": Row("takes", "takes", HOST),
    "host-far-port": Row("takes", "takes", PORT),
    "host-endless-port": Row("takes", "takes", HOST),
    "host-two-ports": Row("takes", "takes", HOST),
    "host-port-alone": Row("takes", "takes", EMPTY_HOST),
    "host-path": Row("takes", "takes", HOST),
    "host-backslash": Row("takes", "takes", HOST),
    "host-query": Row("takes", "takes", HOST),
    "host-fragment": Row("takes", "takes", HOST),
    "host-uri": Row("takes", "takes", HOST),
    "host-quoted": Row("takes", "takes", HOST),
    "host-bad-escape": Row("takes", "takes", HOST),
    "host-non-ascii": Row("takes", "takes", HOST),
    "host-http10-malformed": Row("takes", "takes", HOST),
    "host-http10-twice": Row("agrees", "takes", TWO_HOSTS),
    "length-too-many-digits": Row("waits", "waits", OVERFLOW),
    "length-list-of-the-same": Row("takes", "agrees", SAME_LENGTHS),
    "length-twice-the-same": Row("takes", "agrees", SAME_LENGTHS),
    "length-with-coding": Row("waits", "agrees", BOTH),
    "length-behind-coding": Row("waits", "agrees", BOTH),
    "length-zero-with-coding": Row("waits", "agrees", BOTH),
    "coding-upper": Row("differs", "agrees", CASE),
    "coding-padded": Row("agrees", "refuses", BLANKS),
    "coding-comma-before": Row("agrees", "takes", EMPTY_ITEM),
    "coding-http10": Row("takes", "takes", CODING_10),
    "coding-gzip-chunked": Row("agrees", "takes", CODING),
    "coding-fields-gzip-chunked": Row("agrees", "takes", CODING),
    "coding-identity-chunked": Row("agrees", "takes", CODING),
    "coding-unknown-parameter": Row("agrees", "takes", CODING),
    "chunk-extension-spaced": Row("refuses", "refuses", BWS),
    "chunk-line-past-the-cap": Row("takes", "takes", EXTENSION_CAP),
    "chunk-extension-unnamed": Row("takes", "agrees", EXTENSION),
    "chunk-extension-unnamed-value": Row("takes", "takes", EXTENSION),
    "chunk-extension-no-value": Row("takes", "takes", EXTENSION),
    "chunk-extension-two-semicolons": Row("takes", "takes", EXTENSION),
    "chunk-extension-two-words": Row("takes", "agrees", EXTENSION),
    "chunk-extension-open-quote": Row("takes", "agrees", EXTENSION),
    "chunk-extension-trailing-space": Row("takes", "agrees", EXTENSION),
    "chunk-extension-control": Row("takes", "agrees", EXTENSION),
    "chunk-extension-bare-cr": Row("takes", "agrees", EXTENSION),
    "chunk-size-trailing-space": Row("takes", "agrees", CHUNK_SIZE),
    "chunk-size-too-large": Row("waits", "agrees", CHUNK_SIZE),
    "chunk-size-too-many-zeros": Row("takes", "takes", CHUNK_SIZE),
    "chunk-lf-throughout": Row("waits", "agrees", LINE),
    "chunk-last-lf": Row("waits", "agrees", LINE),
    "chunk-end-cr": Row("waits", "agrees", LINE),
    "trailer-count-past-the-cap": Row("takes", "takes", TRAILER_CAP),
    "trailer-bytes-past-the-cap": Row("takes", "takes", TRAILER_CAP),
    "trailer-fold": Row("takes", "agrees", FOLD),
    "trailer-control": Row("takes", "agrees", CTL),
    "trailer-bare-lf": Row("takes", "agrees", LINE),
    "trailer-bare-lf-leads": Row("differs", "agrees", LF_LEADS),
    "trailer-content-length": Row("takes", "agrees", TRAILER),
    "trailer-transfer-encoding": Row("takes", "agrees", TRAILER),
    "trailer-host": Row("takes", "takes", TRAILER),
    "trailer-authorization": Row("takes", "takes", TRAILER),
    "stream-bad-behind-good": Row("agrees", "takes", NO_HOST),
    "stream-505-behind-good": Row("takes", "takes", VERSION),
    "stream-crlf-before": Row("refuses", "agrees", EMPTY_LINE),
    "stream-crlf-at-the-cap": Row("refuses", "agrees", EMPTY_LINE),
    "stream-crlf-past-the-cap": Row("agrees", "takes", EMPTY_LINE),
    "stream-crlf-between": Row("refuses", "agrees", EMPTY_LINE),
    "stream-crlf-counted-anew": Row("refuses", "agrees", EMPTY_LINE),
    "stream-cr-before": Row("agrees", "takes", EMPTY_LINE),
    "stream-lf-before": Row("agrees", "takes", EMPTY_LINE),
    "stream-cr-behind-crlf": Row("agrees", "takes", EMPTY_LINE),
    "stream-h2-preface": Row("differs", "agrees", VERSION),
    "stream-bare-lf-throughout": Row("takes", "agrees", LINE),
    "stream-bare-cr-throughout": Row("waits", "agrees", LINE),
    "stream-smuggle-cl-te": Row("takes", "agrees", BOTH),
    "stream-connect-length": Row("takes", "takes", CONNECT_BODY),
    "stream-connect-chunked": Row("takes", "takes", CONNECT_BODY),
}

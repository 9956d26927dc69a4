"""Forms with files, as clients send them."""

from pathlib import Path
from typing import TypeAlias

from tests.support.descriptors import descriptors_below

# Name, filename, content type, content.
SentPart: TypeAlias = tuple[str, str | None, str, bytes]

TYPE = "multipart/form-data; boundary=b"


def encode_part(
    name: str, content: bytes, filename: str | None = None, content_type: str = ""
) -> bytes:
    """Return a part as browsers write it, with the boundary in front."""
    fields = f'Content-Disposition: form-data; name="{quote(name)}"'
    if filename is not None:
        fields += f'; filename="{quote(filename)}"'
    if content_type:
        fields += f"\r\nContent-Type: {content_type}"
    return b"--b\r\n" + fields.encode() + b"\r\n\r\n" + content + b"\r\n"


def quote(name: str) -> str:
    r"""Return a name without what ends it; a browser leaves ``\`` alone, which is ambiguous."""
    return name.replace("\\", "\\\\").replace('"', "%22")


def encode_form(parts: list[SentPart]) -> bytes:
    """Return a form with the boundary ``b``."""
    encoded = [
        encode_part(name, content, filename, content_type)
        for name, filename, content_type, content in parts
    ]
    return b"".join(encoded) + b"--b--\r\n"


def open_files(folder: Path) -> int:
    """Return how many files of a folder this process has open, with or without a name."""
    return len(descriptors_below(folder))


def files_in(folder: Path) -> list[Path]:
    """Return what has a name in a folder."""
    return list(folder.iterdir())


def lines(*parts: str) -> bytes:
    """Return lines with CR LF between them."""
    return "\r\n".join(parts).encode()


CHROME = "----WebKitFormBoundaryKhzCf41N8A4UD1CT"
FIREFOX = "---------------------------9051914041544843365972754266"
CURL = "------------------------876ea7146a1b2d1e"
# What they have sent, recorded (Chromium 156 and curl 7.88 with --form-escape), or documented
# (Firefox by MDN, .NET by its MultipartFormDataContent, Apache HttpClient 4 by its strict mode).
CLIENTS: dict[str, tuple[str, bytes, list[SentPart]]] = {
    "Chromium": (
        f"multipart/form-data; boundary={CHROME}",
        lines(
            f"--{CHROME}",
            'Content-Disposition: form-data; name="na%22me"',
            "",
            'say "hi" & %41 gün',
            f"--{CHROME}",
            'Content-Disposition: form-data; name="text"',
            "",
            "a\r\nb",
            f"--{CHROME}",
            'Content-Disposition: form-data; name="_charset_"',
            "",
            "UTF-8",
            f"--{CHROME}",
            'Content-Disposition: form-data; name="none"; filename=""',
            "Content-Type: application/octet-stream",
            "",
            "",
            f"--{CHROME}",
            'Content-Disposition: form-data; name="pics"; filename="a %22b%22\\cü.txt"',
            "Content-Type: text/plain",
            "",
            "hello\n",
            f"--{CHROME}",
            'Content-Disposition: form-data; name="pics"; filename="x.bin"',
            "Content-Type: application/octet-stream",
            "",
            "\x00\r\n--",
            f"--{CHROME}",
            'Content-Disposition: form-data; name="pics"; filename="empty.png"',
            "Content-Type: image/png",
            "",
            "",
            f"--{CHROME}--",
            "",
        ),
        [
            ('na"me', None, "", 'say "hi" & %41 gün'.encode()),
            ("text", None, "", b"a\r\nb"),
            ("_charset_", None, "", b"UTF-8"),
            ("none", "", "application/octet-stream", b""),
            ("pics", 'a "b"_cü.txt', "text/plain", b"hello\n"),
            ("pics", "x.bin", "application/octet-stream", b"\x00\r\n--"),
            ("pics", "empty.png", "image/png", b""),
        ],
    ),
    "Firefox": (
        f"multipart/form-data; boundary={FIREFOX}",
        lines(
            f"--{FIREFOX}",
            'Content-Disposition: form-data; name="text"',
            "",
            "text default",
            f"--{FIREFOX}",
            'Content-Disposition: form-data; name="file1"; filename="a.html"',
            "Content-Type: text/html",
            "",
            "<!DOCTYPE html><title>Content of a.html.</title>\r\n",
            f"--{FIREFOX}--",
            "",
        ),
        [
            ("text", None, "", b"text default"),
            (
                "file1",
                "a.html",
                "text/html",
                b"<!DOCTYPE html><title>Content of a.html.</title>\r\n",
            ),
        ],
    ),
    "curl": (
        f"multipart/form-data; boundary={CURL}",
        lines(
            f"--{CURL}",
            'Content-Disposition: form-data; name="na\\"me"',
            "",
            "x",
            f"--{CURL}",
            'Content-Disposition: form-data; name="pic"; filename="a \\"b\\"\\\\c.txt"',
            "Content-Type: text/plain",
            "",
            "hello\n",
            f"--{CURL}",
            'Content-Disposition: form-data; name="js"',
            "Content-Type: application/json",
            "",
            '{"a":1}',
            f"--{CURL}--",
            "",
        ),
        [
            ('na"me', None, "", b"x"),
            ("pic", 'a "b"_c.txt', "text/plain", b"hello\n"),
            ("js", None, "application/json", b'{"a":1}'),
        ],
    ),
    ".NET": (
        'multipart/form-data; boundary="a4b3c2d1-0000-4000-8000-000000000000"',
        lines(
            "--a4b3c2d1-0000-4000-8000-000000000000",
            "Content-Type: text/plain; charset=utf-8",
            "Content-Disposition: form-data; name=title",
            "",
            "tea",
            "--a4b3c2d1-0000-4000-8000-000000000000",
            "Content-Disposition: form-data; name=file; filename=a.txt; filename*=utf-8''a.txt",
            "",
            "hello",
            "--a4b3c2d1-0000-4000-8000-000000000000--",
            "",
        ),
        [("title", None, "text/plain; charset=utf-8", b"tea"), ("file", "a.txt", "", b"hello")],
    ),
    "Apache HttpClient": (
        "multipart/form-data; boundary=Jz7bT_Vd; charset=ISO-8859-1",
        lines(
            "--Jz7bT_Vd",
            'Content-Disposition: form-data; name="title"',
            "Content-Type: text/plain; charset=ISO-8859-1",
            "Content-Transfer-Encoding: 8bit",
            "",
            "tea",
            "--Jz7bT_Vd",
            'Content-Disposition: form-data; name="file"; filename="a.bin"',
            "Content-Type: application/octet-stream",
            "Content-Transfer-Encoding: binary",
            "",
            "hello",
            "--Jz7bT_Vd--",
            "",
        ),
        [
            ("title", None, "text/plain; charset=ISO-8859-1", b"tea"),
            ("file", "a.bin", "application/octet-stream", b"hello"),
        ],
    ),
}

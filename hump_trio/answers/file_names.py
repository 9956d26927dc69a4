"""File names: the media type that a name stands for, and the name to save a file under."""

import re
from os.path import basename, splitext
from urllib.parse import quote

from hump_trio.messages.response import BYTES_TYPE

__all__ = ["attachment", "content_type_of"]

# Media types with the extensions that stand for them: those registered with IANA, or where it has
# none, those that clients understand. Python's own table differs from version to version and from
# machine to machine. XML names its encoding itself, so it is never `text/xml`, which would be sent
# as UTF-8.
KINDS = """
text/calendar ics ifb
text/css css
text/csv csv
text/html html htm
text/javascript js mjs cjs
text/markdown md markdown
text/n3 n3
text/plain txt text log conf ini diff patch c h bat ksh pl srt
text/richtext rtx
text/tab-separated-values tsv
text/turtle ttl
text/vcard vcf
text/vtt vtt
text/x-python py
text/x-rst rst
text/x-sgml sgml sgm
application/atom+xml atom
application/dash+xml mpd
application/epub+zip epub
application/geo+json geojson
application/gpx+xml gpx
application/gzip gz tgz
application/java-archive jar war
application/json json map
application/jsonl jsonl
application/ld+json jsonld
application/manifest+json webmanifest
application/msword doc dot
application/n-quads nq
application/n-triples nt
application/octet-stream br
application/pdf pdf
application/pgp-signature asc sig
application/pkcs12 p12 pfx
application/pkcs7-mime p7c p7m
application/pkcs7-signature p7s
application/pkix-cert cer
application/pkix-crl crl
application/postscript ps eps ai
application/rdf+xml rdf
application/rss+xml rss
application/rtf rtf
application/sql sql
application/toml toml
application/trig trig
application/vnd.android.package-archive apk
application/vnd.apache.parquet parquet
application/vnd.apple.keynote key
application/vnd.apple.mpegurl m3u8 m3u
application/vnd.apple.numbers numbers
application/vnd.apple.pages pages
application/vnd.google-earth.kml+xml kml
application/vnd.google-earth.kmz kmz
application/vnd.ms-excel xls xlb
application/vnd.ms-excel.sheet.macroEnabled.12 xlsm
application/vnd.ms-fontobject eot
application/vnd.ms-powerpoint ppt pot pps
application/vnd.ms-word.document.macroEnabled.12 docm
application/vnd.oasis.opendocument.graphics odg
application/vnd.oasis.opendocument.presentation odp
application/vnd.oasis.opendocument.spreadsheet ods
application/vnd.oasis.opendocument.text odt
application/vnd.openxmlformats-officedocument.presentationml.presentation pptx
application/vnd.openxmlformats-officedocument.presentationml.slideshow ppsx
application/vnd.openxmlformats-officedocument.presentationml.template potx
application/vnd.openxmlformats-officedocument.spreadsheetml.sheet xlsx
application/vnd.openxmlformats-officedocument.spreadsheetml.template xltx
application/vnd.openxmlformats-officedocument.wordprocessingml.document docx
application/vnd.openxmlformats-officedocument.wordprocessingml.template dotx
application/vnd.rar rar
application/vnd.sqlite3 sqlite sqlite3
application/wasm wasm
application/x-7z-compressed 7z
application/x-bittorrent torrent
application/x-bzip2 bz2
application/x-hdf hdf
application/x-hdf5 h5
application/x-latex latex
application/x-ndjson ndjson
application/x-netcdf nc cdf
application/x-pem-file pem
application/x-sh sh
application/x-shockwave-flash swf
application/x-tar tar
application/x-tex tex
application/x-x509-ca-cert crt der
application/x-xz xz
application/xhtml+xml xhtml xht
application/xml xml xsl xsd wsdl dtd
application/yaml yaml yml
application/zip zip
application/zstd zst
audio/aac aac adts
audio/amr amr
audio/basic au snd
audio/flac flac
audio/midi mid midi
audio/mp4 m4a m4b
audio/mpeg mp3 mp2
audio/ogg ogg oga opus
audio/wav wav
audio/webm weba
audio/x-aiff aif aiff aifc
audio/x-ms-wma wma
font/collection ttc
font/otf otf
font/ttf ttf
font/woff woff
font/woff2 woff2
image/apng apng
image/avif avif
image/bmp bmp
image/gif gif
image/heic heic
image/heif heif
image/jp2 jp2
image/jpeg jpg jpeg jpe
image/jxl jxl
image/png png
image/svg+xml svg
image/tiff tif tiff
image/vnd.adobe.photoshop psd
image/vnd.djvu djvu djv
image/vnd.microsoft.icon ico
image/webp webp
image/x-portable-anymap pnm
image/x-portable-bitmap pbm
image/x-portable-graymap pgm
image/x-portable-pixmap ppm
message/rfc822 eml mht mhtml
model/gltf+json gltf
model/gltf-binary glb
model/obj obj
model/stl stl
model/vnd.usdz+zip usdz
video/3gpp 3gp 3gpp
video/3gpp2 3g2 3gpp2
video/matroska mkv
video/mp2t ts m2ts
video/mp4 mp4 m4v
video/mpeg mpeg mpg mpe m1v
video/ogg ogv
video/quicktime mov qt
video/webm webm
video/x-flv flv
video/x-ms-wmv wmv
video/x-msvideo avi
"""
TYPES = {f".{end}": kind for kind, *ends in map(str.split, KINDS.split("\n")[1:-1]) for end in ends}
# Characters that clients read differently in a quoted string (RFC 6266 appendix D).
UNPLAIN = re.compile(r"[^A-Za-z0-9 !#$&'()+,\-.;=@\[\]^_`{}~]")


def content_type_of(name: str) -> str:
    """Return the content type of a file by its extension; text is assumed to be UTF-8."""
    kind = TYPES.get(splitext(name)[1].lower(), BYTES_TYPE)
    return f"{kind}; charset=utf-8" if kind.startswith("text/") else kind


def attachment(filename: str) -> str:
    """Return the ``Content-Disposition`` field that has a file saved under a name.

    If the name has characters that clients read differently, the field begins with a plain form
    of the name, for clients that can't read the encoded form.

    Source: RFC 6266 sections 4.2, 4.3 and appendix D, RFC 8187 section 3.2.
    """
    name = basename(filename)
    if not name:
        return "attachment"
    plain = UNPLAIN.sub("_", name)
    disposition = f'attachment; filename="{plain}"'
    if plain == name:
        return disposition
    quoted = quote(name, safe="!#$&+-.^_`|~", errors="replace")
    return f"{disposition}; filename*=UTF-8''{quoted}"

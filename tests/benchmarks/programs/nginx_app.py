"""nginx in place of this process, which alone it is: a fixed answer, and files."""

import os
import sys
import tempfile
from pathlib import Path

from tests.benchmarks.programs.files import write_files

CONFIGURATION = """
daemon off;
master_process off;
worker_rlimit_nofile 20000;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 16384; }}
http {{
    access_log off;
    default_type application/octet-stream;
    types {{ }}
    sendfile on;
    tcp_nopush on;
    keepalive_requests 1000000000;
    keepalive_timeout 75s;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{port} {secured} backlog=4096;
        {certificate}
        location = / {{
            default_type "text/plain; charset=utf-8";
            return 200 "Hello, world!";
        }}
        location /files/ {{ alias {files}/; }}
    }}
}}
"""


def main() -> None:
    """Write the configuration, and become nginx."""
    port, *paths = sys.argv[1:]
    folder = Path(tempfile.gettempdir()) / "hump_trio_nginx"
    folder.mkdir(exist_ok=True)
    certificate = "ssl_certificate {}; ssl_certificate_key {};".format(*paths) if paths else ""
    text = CONFIGURATION.format(
        folder=folder,
        port=port,
        secured="ssl" if paths else "",
        certificate=certificate,
        files=write_files(),
    )
    path = folder / "nginx.conf"
    path.write_text(text)
    os.execvp("nginx", ["nginx", "-e", f"{folder}/error.log", "-c", str(path)])


if __name__ == "__main__":
    main()

"""nginx and haproxy of Debian as people put them on port 443, with generated configurations."""

import os
import shutil
import subprocess
import tempfile
import time

from support import certificates

NAME, CLOUD = certificates.NAME, "cloud.test.example"
NAMES = {NAME: "10.77.0.1", CLOUD: "10.77.0.1"}
NGINX = """
daemon off;
master_process off;
error_log {dir}/error.log;
pid {dir}/pid;
{modules}
events {{ worker_connections 256; }}
{body}
"""
TEMP = "".join(f"{n}_temp_path {{dir}}/{n};\n" for n in
               ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
PAGES = "http {{ access_log off; " + TEMP + """
    server {{
        listen 127.0.0.1:{port} ssl http2 {proxy};
        server_name {name};
        ssl_certificate {certificate};
        ssl_certificate_key {key};
        root {root};
        default_type text/html;
    }}
}}"""
STREAM = """stream {{
    server {{
        listen 10.77.0.1:{port};
        proxy_pass 127.0.0.1:{to};
        proxy_protocol on;
    }}
}}"""
HAPROXY = """
defaults
    mode tcp
    timeout connect 5s
    timeout client 60s
    timeout server 60s
listen front
    bind 10.77.0.1:{port}
    server relay 127.0.0.1:{to} {send}
"""


class Front:
    """A process in a namespace, with a folder of its own; waits until its port is listened on."""

    def __init__(self, world, name, argv, files, port, host):
        self.dir = tempfile.mkdtemp(prefix="front")
        os.chmod(self.dir, 0o755)
        for file, text in files(self.dir).items():
            with open(f"{self.dir}/{file}", "w") as out:
                out.write(text)
        self.log = open(f"{self.dir}/log", "w+")
        self.process = world.popen(name, [a.format(dir=self.dir) for a in argv], stdout=self.log,
                                   stderr=self.log, stdin=subprocess.DEVNULL)
        deadline = time.monotonic() + 5
        while not self._listens(world[name], host, port):
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.log.seek(0)
                text = self.log.read()
                self.close()
                raise RuntimeError(f"{argv[0]} did not start:\n{text}")
            time.sleep(0.05)

    @staticmethod
    def _listens(space, host, port):
        with space.socket() as probe:
            return probe.connect_ex((host, port)) == 0

    def close(self):
        self.process.terminate()
        self.process.wait(10)
        self.log.close()
        shutil.rmtree(self.dir, ignore_errors=True)


def web_server(world, pair, root, name, port=8443, proxied=False):
    """nginx with one HTTPS site; proxied: it expects a PROXY header."""
    def files(folder):
        body = PAGES.format(dir=folder, port=port, root=root, name=name,
                            proxy="proxy_protocol" if proxied else "", **pair)
        return {"nginx.conf": NGINX.format(dir=folder, modules="", body=body)}

    return Front(world, "srv", ["nginx", "-p", "{dir}", "-c", "{dir}/nginx.conf"], files, port,
                 "127.0.0.1")


def nginx_stream(world, port, to):
    """PROXY version 1 in front of a stream of bytes."""
    def files(folder):
        body = STREAM.format(port=port, to=to)
        modules = "load_module /usr/lib/nginx/modules/ngx_stream_module.so;"
        return {"nginx.conf": NGINX.format(dir=folder, modules=modules, body=body)}

    return Front(world, "srv", ["nginx", "-p", "{dir}", "-c", "{dir}/nginx.conf"], files, port,
                 "10.77.0.1")


def haproxy(world, port, to, version):
    send = {1: "send-proxy", 2: "send-proxy-v2"}[version]

    def files(_):
        return {"haproxy.cfg": HAPROXY.format(port=port, to=to, send=send)}

    return Front(world, "srv", ["haproxy", "-db", "-f", "{dir}/haproxy.cfg"], files, port,
                 "10.77.0.1")

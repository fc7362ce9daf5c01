"""The statistics' listener: what it serves, and that nothing there depends on calls."""

import http.client
import json
import os
import socket

import pytest

from support.server import Server, free_ports, refused


@pytest.fixture
def shown(serve):
    port = free_ports(1)
    server = serve({"metrics_listen": f"127.0.0.1:{port}"})
    server.wait_log("metrics-ready")
    server.http = port
    return server


def get(server, path="/", method="GET", **headers):
    link = http.client.HTTPConnection("127.0.0.1", server.http, timeout=5)
    link.request(method, path, headers={k.replace("_", "-"): v for k, v in headers.items()})
    answer = link.getresponse()
    return answer, answer.read().decode()


def test_what_there_is(shown):
    kinds = {"/": "text/html; charset=utf-8", "/metrics": "text/plain; version=0.0.4; charset=utf-8",
             "/stats.json": "application/json", "/livez": "text/plain; charset=utf-8",
             "/readyz": "text/plain; charset=utf-8"}
    for path, kind in kinds.items():
        answer, body = get(shown, path)
        assert (answer.status, answer.headers["Content-Type"]) == (200, kind), (path, body)
        assert answer.headers["Cache-Control"] == "no-store"


def test_openmetrics(shown):
    answer, body = get(shown, "/metrics", Accept="application/openmetrics-text; version=1.0.0")
    assert answer.headers["Content-Type"].startswith("application/openmetrics-text")
    assert body.endswith("# EOF\n")


@pytest.mark.parametrize("method, path, status", [
    ("GET", "/nothing", 404), ("POST", "/", 405), ("GET", "/metrics/", 404), ("HEAD", "/", 405)])
def test_what_there_is_not(shown, method, path, status):
    assert get(shown, path, method)[0].status == status


def test_languages(shown):
    german = [get(shown, "/", Accept_Language="de-DE,en;q=0.5")[1], get(shown, "/?lang=de")[1]]
    english = [get(shown, "/")[1], get(shown, "/?lang=en", Accept_Language="de")[1],
               get(shown, "/?lang=xx")[1]]
    assert all('lang="de"' in page for page in german)
    assert all('lang="en"' in page for page in english)


def test_the_page_asks_for_nothing(shown):
    answer, body = get(shown)
    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "<script" not in body and "http://" not in body.replace("http://www.w3.org/", "")
    assert answer.headers["Referrer-Policy"] == "no-referrer"


def test_readiness(shown):
    assert get(shown, "/readyz")[1] == "ready\n"
    shown.write_secrets([])
    shown.wait_log("no-credentials")
    answer, body = get(shown, "/readyz")
    assert (answer.status, body) == (503, "not ready: no secret and no user is in force\n")
    assert get(shown, "/livez")[0].status == 200
    assert json.loads(get(shown, "/stats.json")[1])["health"]["ready"] is False


def test_another_address_by_reload(shown):
    other = free_ports(1)
    shown.reload({"metrics_listen": f"127.0.0.1:{other}"}, event="metrics-ready")
    with pytest.raises(OSError):
        get(shown)
    shown.http = other
    assert get(shown, "/livez")[0].status == 200


def test_a_taken_port_is_told_and_done_without(serve):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        server = serve({"metrics_listen": f"127.0.0.1:{port}"})
        server.wait_log(f"metrics-refused: statistics and health are not shown: 127.0.0.1:{port}")


@pytest.mark.parametrize("at", ["0.0.0.0:9641", "192.0.2.1:9641", "9641", "localhost:9641", "x/y",
                                "127.0.0.1:0"])
def test_loopback_only(at):
    code, log = refused({"metrics_listen": at})
    assert code == 2 and "metrics_listen" in log, log


@pytest.mark.parametrize("conf, key", [
    ({"metrics_profile": "exact"}, "metrics_profile"), ({"metrics_window": 3599}, "metrics_window"),
    ({"metrics_window": 604801}, "metrics_window"), ({"metrics_file": "windows"}, "metrics_file"),
    ({"capacity_alarm": True, "metrics_profile": "strict"}, "capacity_alarm"),
    ({"capacity_alarm": True, "metrics_profile": "fleet"}, "capacity_alarm"),
    ({"capacity_alarm": True, "metrics_window": 86399}, "capacity_alarm"),
    ({"control_socket": "control"}, "control_socket"), ({"privacy_basis": "a"}, "privacy_basis")])
def test_wrong_options(conf, key):
    code, log = refused(conf)
    assert code == 2 and key in log, log


def test_capacity_is_that_of_all_workers(serve):
    """The limit is each worker's, and without another word there is one per processor."""
    each = -(-10000 // len(os.sched_getaffinity(0)))
    server = serve({"capacity_alarm": True, "threads": 0, "max_allocations": each,
                    "relay_ports": "49152-65535"})
    server.wait_log("started")
    assert "capacity-small" not in server.log()


def ahead(server, seconds):
    """And the main thread, which a request wakes, has seen it."""
    server.advance(seconds)
    for _ in range(2):
        get(server, "/livez")


def test_a_window(shown):
    """Released once, at its end, and constant until the next; kept over a restart."""
    day = 86400
    ahead(shown, day - shown.now() % day + 2)  # into the first whole window
    ahead(shown, day)
    shown.wait_log("usage: ")
    windows = json.loads(get(shown, "/stats.json")[1])["usage"]["windows"]
    assert len(windows) == 1 and windows[0]["end"] % day == 0
    ahead(shown, day // 2)
    assert json.loads(get(shown, "/stats.json")[1])["usage"]["windows"] == windows


def test_windows_outlive_the_process(serve, tmp_path):
    port = free_ports(1)
    conf = {"metrics_listen": f"127.0.0.1:{port}", "metrics_file": str(tmp_path / "windows"),
            "metrics_window": 3600}
    first = serve(conf)
    first.http = port
    ahead(first, 3600 - first.now() % 3600 + 2)
    ahead(first, 3600)
    first.wait_log("usage: ")
    windows = json.loads(get(first, "/stats.json")[1])["usage"]["windows"]
    first.stop()
    second = serve(conf)
    second.http = port
    assert json.loads(get(second, "/stats.json")[1])["usage"]["windows"] == windows
    assert (tmp_path / "windows").stat().st_mode & 0o777 == 0o600


def test_a_broken_file_is_kept(serve, tmp_path):
    (tmp_path / "windows").write_text("not ours\n")
    port = free_ports(1)
    server = serve({"metrics_listen": f"127.0.0.1:{port}", "metrics_window": 3600,
                    "metrics_file": str(tmp_path / "windows")})
    server.wait_log("windows-refused: ")
    server.http = port
    ahead(server, 3600 - server.now() % 3600 + 2)
    ahead(server, 3600)
    server.wait_log("usage: ")
    assert (tmp_path / "windows").read_text() == "not ours\n"

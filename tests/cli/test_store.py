"""The same commands on a file and on a Redis: same words, same exit codes."""

import json
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
sys.path.append(str(HERE.parent / "conformance"))

from client import UDP, Client, Credentials  # noqa: E402
from stun import ALLOCATE, timed_password  # noqa: E402
from support.server import SECRET, config_text, free_ports  # noqa: E402

ADMIN = "admin-password-0123456789"
MANUAL = HERE.parents[1] / "conf" / "redis.md"


def admin_rule():
    """The rule that the manual gives for whoever changes secrets."""
    text = re.search(r"user turn-admin on (?:.+\n)+", MANUAL.read_text()).group(0)
    return " ".join(text.split()).replace(">PASSWORD", f">{ADMIN}")


class Redis:
    """A server on a Unix socket, with the shipped rules and nobody else let in."""

    def __init__(self, rules):
        self.dir = tempfile.mkdtemp(prefix="redis")
        self.path = f"{self.dir}/socket"
        Path(self.dir, "conf").write_text("\n".join(
            ["port 0", f"unixsocket {self.path}", f"dir {self.dir}", 'save ""', *rules]) + "\n")
        self.process = subprocess.Popen(["redis-server", f"{self.dir}/conf"],
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 10
        while self.say("PING") != "PONG":
            assert time.monotonic() < deadline
            time.sleep(0.02)

    def say(self, *words):
        done = subprocess.run(["redis-cli", "-s", self.path, *words], text=True,
                              capture_output=True, timeout=10)
        return done.stdout.strip()

    def close(self):
        self.process.kill()
        self.process.wait()
        shutil.rmtree(self.dir, ignore_errors=True)


@pytest.fixture
def redis(cli, tmp_path):
    conf = tmp_path / "acl.conf"
    conf.write_text('redis_user = "relay";\nredis = "/socket";\n')
    shown = cli("config", "redis-acl", "--config", conf)
    assert shown.returncode == 0 and shown.stdout.count("\n") == 1
    assert shown.stdout.startswith("user relay on ") and "ACL SETUSER" in shown.stderr
    made = Redis([shown.stdout.strip().replace("PASSWORD", "relay-password"), admin_rule()])
    yield made
    made.close()


@pytest.fixture(params=["file", "redis"])
def store(request, cli, tmp_path):
    """store("list"): drehkreuz secret list on one or the other."""
    options = {"secrets_file": str(tmp_path / "secrets")}
    login = []
    if request.param == "redis":
        redis = request.getfixturevalue("redis")
        options = {"redis": redis.path, "redis_user": "relay", "redis_password": "relay-password"}
        (tmp_path / "password").write_text(ADMIN + "\n")
        login = ["--user", "turn-admin", "--password-file", tmp_path / "password"]
    conf = tmp_path / "drehkreuz.conf"
    conf.write_text(config_text(options))

    def run(verb, *args, **more):
        words = ["credential"] if verb == "credential" else ["secret", verb]
        return cli(*words, *args, *login, "--config", conf, **more)

    run.conf, run.kind = conf, request.param
    return run


def rows(store):
    return json.loads(store("list", "--json").stdout)["secrets"]


def states(store):
    return {row["id"]: row["state"] for row in rows(store)}


def test_a_rotation(store):
    one = store("new", "talk")
    assert one.returncode == 0 and re.fullmatch(r"[0-9a-f]{64}\n", one.stdout)
    assert json.loads(store("new", "talk-2", "--json").stdout).keys() == {"id", "secret"}
    assert states(store) == {"talk": "in force", "talk-2": "in force"}
    assert store("retire", "talk", "--in", "60").stdout == "talk ends in 60 seconds\n"
    assert states(store) == {"talk": "retiring", "talk-2": "in force"}
    assert store("remove", "talk").stdout == "removed talk\n"
    assert states(store) == {"talk-2": "in force"}
    assert store("remove", "talk-2").returncode == 0
    assert rows(store) == []
    for shown in (store("list"), store("list", "--json")):
        assert one.stdout.strip() not in shown.stdout


def test_add_by_word(store):
    done = store("add", "matrix", stdin="a-secret-of-somebody\n")
    assert done.returncode == 0 and done.stdout == "added matrix\n"
    assert states(store) == {"matrix": "in force"}
    assert abs(rows(store)[0]["not_before"] - time.time()) < 10
    assert re.fullmatch(r"matrix +0 d  in force", store("list").stdout.splitlines()[1])
    made = store("credential", "ann", "--json")
    assert made.returncode == 0 and json.loads(made.stdout)["ttl"] == 86400


def test_what_is_refused(store):
    assert store("new", "talk").returncode == 0
    again = store("add", "talk", stdin="a-secret-of-somebody")
    assert again.returncode == 1 and "taken" in again.stderr and again.stdout == ""
    assert store("add", "x", stdin="short").returncode == 2
    assert store("new", "Talk").returncode == 2
    assert store("new", "a", "--id", "b").returncode == 2
    for verb in ("remove", "retire"):
        done = store(verb, "nobody")
        assert done.returncode == 1 and "secret list" in done.stderr
    assert states(store) == {"talk": "in force"}


def test_there_is_room_for_sixteen(store):
    for number in range(16):
        assert store("new", f"n-{number}").returncode == 0
    done = store("new", "one-more")
    assert done.returncode == 1 and "room for 16" in done.stderr and done.stdout == ""
    assert len(rows(store)) == 16


def test_commands_at_the_same_time_lose_nothing(store):
    with ThreadPoolExecutor(8) as pool:
        done = list(pool.map(lambda n: store("new", f"n-{n}"), range(12)))
    assert [d.returncode for d in done] == [0] * 12
    assert len(rows(store)) == 12
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: store("remove", f"n-{n}"), range(12)))
    assert rows(store) == []


def test_file_goes_before_redis(cli, redis, tmp_path):
    conf = tmp_path / "c.conf"
    conf.write_text(config_text({"redis": redis.path + ".none"}))
    path = tmp_path / "secrets"
    assert cli("secret", "new", "a", "--config", conf, "--file", path).returncode == 0
    assert path.exists()


# --- Redis alone ---

@pytest.fixture
def relay(cli, redis, tmp_path):
    """Commands as the server's own user, who may only read."""
    conf = tmp_path / "relay.conf"
    conf.write_text(config_text({"redis": redis.path, "redis_user": "relay",
                                 "redis_password": "relay-password"}))
    return lambda *args, **more: cli(*args, "--config", conf, **more)


def test_the_servers_user_may_not_write(relay):
    assert relay("secret", "list").returncode == 0
    done = relay("secret", "new", "a")
    assert done.returncode == 1 and done.stdout == "" and "--user" in done.stderr


def test_a_redis_that_is_not_there(cli, tmp_path):
    conf = tmp_path / "c.conf"
    conf.write_text(config_text({"redis": str(tmp_path / "none")}))
    for words in (["secret", "list"], ["secret", "new"], ["credential", "a"]):
        begin = time.monotonic()
        done = cli(*words, "--config", conf)
        assert done.returncode == 1 and done.stdout == "" and done.stderr.count("\n") == 1
        assert "Redis" in done.stderr and time.monotonic() - begin < 5


def test_a_wrong_password(cli, redis, tmp_path):
    conf = tmp_path / "c.conf"
    conf.write_text(config_text({"redis": redis.path, "redis_user": "relay",
                                 "redis_password": "wrong-password-of-relay"}))
    done = cli("secret", "list", "--config", conf)
    assert done.returncode == 1 and "redis_password" in done.stderr
    assert "wrong-password" not in done.stderr


@pytest.fixture
def admin(cli, redis, tmp_path):
    (tmp_path / "password").write_text(ADMIN + "\n")
    conf = tmp_path / "admin.conf"
    conf.write_text(config_text({"redis": redis.path}))
    return lambda *args, **more: cli(*args, "--user", "turn-admin", "--password-file",
                                     tmp_path / "password", "--config", conf, **more)


def test_ids_that_are_spoken_for(admin, redis):
    """A word of the schema, and members of coturn's set, which the commands cannot change."""
    assert admin("secret", "new", "schema").returncode == 1
    redis.say("SADD", "turn/realm/turn/secret", "secret-of-an-old-installation")
    assert "coturn-1 " in admin("secret", "list").stdout
    for verb in ("retire", "remove"):
        done = admin("secret", verb, "coturn-1")
        assert done.returncode == 1 and "SREM" in done.stderr


@pytest.mark.parametrize("words", [["--user", "a"], ["--password-file", "/dev/null"],
                                   ["--user", "a", "--password-file", "/nowhere/at/all"]])
def test_half_a_login(relay, words):
    done = relay("secret", "list", *words)
    assert done.returncode == 2 and done.stdout == "" and done.stderr.count("\n") == 1


def test_check_takes_its_secret_from_redis(cli, serve, admin, redis):
    server = serve({"redis": redis.path, "redis_user": "relay",
                    "redis_password": "relay-password"}, secrets=None)
    done = cli("check", "--config", server.path, "--quick")
    assert done.returncode == 2 and "drehkreuz secret new" in done.stderr
    assert admin("secret", "new").returncode == 0
    server.wait_log("1 shared secrets")
    done = cli("check", "--config", server.path, "--quick")
    assert done.returncode == 0, done.stdout + done.stderr
    redis.process.kill()
    server.wait_log("redis-lost")
    done = cli("check", "--config", server.path, "--quick")
    assert done.returncode == 1 and "Redis cannot be used" in done.stdout


def test_redis_and_the_issuer_are_no_peers(serve):
    """Not even in a network that allow_peers opens, and also under a name."""
    redis, sentinel, issuer = (free_ports(1) for _ in range(3))
    server = serve({"redis": f"localhost:{redis}", "redis_master": "m",
                    "redis_sentinels": [f"127.0.0.1:{sentinel}"],
                    "issuer_listen": f"127.0.0.1:{issuer}", "issuer_key": "k" * 16})
    user = f"{int(time.time()) + 600}:ann"
    one = Client(server, Credentials(user, timed_password(SECRET, user)))
    assert one.request(ALLOCATE, [UDP]).code == 0
    for number, port in enumerate((redis, sentinel, issuer)):
        assert one.bind(0x4000 + number, ("127.0.0.1", port)) == 403
        assert one.bind(0x4000 + number, ("127.0.0.1", port + 1)) == 0
    one.close()


def test_the_start_waits_for_redis_but_not_long(cli, serve, admin, redis):
    """So that a restart refuses nobody, and a Redis that hangs does not keep the relay away."""
    value = admin("secret", "new").stdout.strip()
    server = serve({"redis": redis.path, "redis_user": "relay",
                    "redis_password": "relay-password"}, secrets=None)
    user = f"{int(time.time()) + 600}:ann"
    one = Client(server, Credentials(user, timed_password(value, user)))
    assert one.request(ALLOCATE, [UDP]).code == 0
    one.close()
    said = [line.split()[1] for line in server.log().splitlines()]
    assert said.index("redis-ready:") < said.index("started:") and "redis-waiting:" not in said

    with socket.create_server(("127.0.0.1", 0)) as silent:
        begin = time.monotonic()
        other = serve({"redis": f"127.0.0.1:{silent.getsockname()[1]}"}, secrets=None)
        assert time.monotonic() - begin < 6
        other.wait_log("redis-lost")
        said = [line.split()[1] for line in other.log().splitlines()]
        assert said.index("redis-waiting:") < said.index("started:")


def test_a_reload_that_would_leave_nobody_is_refused(serve, admin, redis):
    value = admin("secret", "new").stdout.strip()
    server = serve({"redis": redis.path, "redis_user": "relay",
                    "redis_password": "relay-password"}, secrets=None)
    server.reload({"redis": "", "redis_user": ""}, event="reload-refused")
    assert "neither secrets nor users would be left" in server.log()
    user = f"{int(time.time()) + 600}:ann"
    one = Client(server, Credentials(user, timed_password(value, user)))
    assert one.request(ALLOCATE, [UDP]).code == 0
    one.close()

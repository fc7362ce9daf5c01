"""Names that are locked out: the commands, on a file and on a Redis, and what a server does of them
whose secrets are in a file."""

import hashlib
import json
import re
import time

import pytest
from test_store import redis, store  # noqa: F401  (fixtures)

from client import UDP, Client, Credentials
from stun import ALLOCATE, timed_password
from support.server import SECRET

HOUR, DAY = 3600, 86400
ROOM = 4096


def digest(name):
    return hashlib.sha256(name.encode()).hexdigest()


def listed(store):
    return json.loads(store("list", "--json").stdout)["revoked"]


def rows(store, request):
    """What the store holds: hash -> end."""
    if store.kind == "redis":
        words = request.getfixturevalue("redis").say("HGETALL", "turn:revoked:turn").split()
        return {name: int(until) for name, until in zip(words[::2], words[1::2])}
    path = re.search(r'secrets_file = "(.*)"', store.conf.read_text()).group(1)
    with open(path) as file:
        found = [line[1:].split() for line in file if line.startswith("!")]
    return {name: int(until) for name, until in found}


# --- The commands ---

def test_there_and_back(store, request):
    assert store("new", "talk").returncode == 0
    name = f"{int(time.time()) + DAY}:ann"
    done = store("revoke", name)
    assert done.returncode == 0 and re.fullmatch(
        r"the name is revoked for 86[34]\d\d seconds\n", done.stdout)
    assert name.split(":")[0] not in done.stdout
    assert rows(store, request) == {digest(name): int(name.split(":")[0])}
    done = store("revoke", "-", "--in", "60", "--json", stdin="Bob, the second\n")
    assert done.returncode == 0 and json.loads(done.stdout) == {"in": 60}
    assert listed(store) == 2 and "\nrevoked names: 2\n" in store("list").stdout
    assert abs(rows(store, request)[digest("Bob, the second")] - time.time() - 60) < 10
    # The last word counts, longer or shorter.
    assert store("revoke", name, "--in", "30").returncode == 0
    assert abs(rows(store, request)[digest(name)] - time.time() - 30) < 10
    done = store("unrevoke", name)
    assert done.returncode == 0 and done.stdout == "the name is revoked no more\n"
    assert json.loads(store("unrevoke", "-", "--json", stdin="Bob, the second").stdout) == {}
    assert listed(store) == 0 and rows(store, request) == {}
    assert "revoked" not in store("list").stdout
    done = store("unrevoke", name)
    assert done.returncode == 1 and name not in done.stderr and done.stderr.count("\n") == 1
    assert [row["id"] for row in json.loads(store("list", "--json").stdout)["secrets"]] == ["talk"]


@pytest.mark.parametrize("name, seconds", [
    ("static", DAY), ("{past}:over", HOUR), ("7:soon", HOUR), ("7x", DAY), ("{week}", 7 * DAY),
    ("9999999999999:ann", (1 << 31) - 1)])
def test_how_long_if_nothing_is_said(store, name, seconds):
    now = int(time.time())
    done = store("revoke", name.format(past=now - 5, week=now + 7 * DAY), "--json")
    assert done.returncode == 0 and abs(json.loads(done.stdout)["in"] - seconds) < 60


def test_as_long_as_credentials_are_good(store):
    with store.conf.open("a") as conf:
        conf.write("max_credential_ttl = 7200;\n")
    assert json.loads(store("revoke", "static", "--json").stdout) == {"in": 7200}


def test_as_long_as_allocations_need_not_ask(store):
    """A name that is over, whose allocation may be silent for longer than an hour."""
    with store.conf.open("a") as conf:
        conf.write("lifetime_max = 7200;\n")
    name = f"{int(time.time()) - 5}:over"
    assert json.loads(store("revoke", name, "--json").stdout) == {"in": 7200}


def test_a_name_in_two_forms(store, request):
    """As typed, and as a client sends it that prepares it."""
    typed, sent = "a\u0308rger", "\u00e4rger"
    assert store("revoke", typed).returncode == 0
    assert rows(store, request).keys() == {digest(typed), digest(sent)}
    assert store("unrevoke", sent).returncode == 0
    assert rows(store, request).keys() == {digest(typed)}


@pytest.mark.parametrize("words, stdin", [
    (["revoke", ""], ""), (["revoke", "-"], ""), (["revoke", "-"], "\n"), (["revoke"], ""),
    (["revoke", "x" * 509], ""), (["revoke", "-"], "x" * 509), (["unrevoke", "-"], "x" * 2000),
    (["revoke", "a", "--in", "0"], ""), (["revoke", "a", "--in", "x"], "")])
def test_what_is_no_name_or_no_time(store, words, stdin):
    done = store(*words, stdin=stdin)
    assert done.returncode == 2 and done.stdout == "" and done.stderr.count("\n") == 1
    assert listed(store) == 0


def fill(store, request, n, until):
    """Rows that somebody else has written."""
    names = [digest(str(number)) for number in range(n)]
    if store.kind == "redis":
        server = request.getfixturevalue("redis")
        for at in range(0, n, 512):
            words = [word for name in names[at:at + 512] for word in (name, str(until))]
            server.say("HSET", "turn:revoked:turn", *words)
    else:
        path = store.conf.parent / "secrets"
        path.write_text("# mine\n" + "".join(f"!{name} {until}\n" for name in names))
        path.chmod(0o600)


def test_there_is_room_for_so_many(store, request):
    fill(store, request, ROOM, int(time.time()) + DAY)
    before = rows(store, request)
    done = store("revoke", "one more")
    assert done.returncode == 1 and f"room for {ROOM}" in done.stderr and done.stdout == ""
    assert listed(store) == ROOM and rows(store, request) == before
    assert store("revoke", "0", "--in", "5").returncode == 0  # is there already
    assert store("unrevoke", "1").returncode == 0
    assert store("revoke", "one more").returncode == 0
    assert listed(store) == ROOM


def test_what_is_over_goes_with_the_next_change(store, request):
    fill(store, request, 100, int(time.time()) - 5)
    assert listed(store) == 0 and len(rows(store, request)) == 100
    assert store("revoke", "5").returncode == 0
    assert rows(store, request).keys() == {digest("5")}
    if store.kind == "file":
        assert "# mine\n" in (store.conf.parent / "secrets").read_text()


def test_a_full_list_of_what_is_over_makes_room(store, request):
    fill(store, request, ROOM, int(time.time()) - 5)
    assert store("revoke", "one more").returncode == 0
    assert listed(store) == 1


def test_rows_that_are_none(store, request):
    fill(store, request, 1, int(time.time()) + DAY)
    if store.kind == "redis":
        request.getfixturevalue("redis").say("HSET", "turn:revoked:turn", "ann", "7")
        wanted = "HDEL"
    else:
        path = store.conf.parent / "secrets"
        path.write_text(path.read_text() + "!ann 7\n")
        wanted = f"{path}:3: expected `!`, 64 digits"
    for done in store("list"), store("revoke", "a"), store("unrevoke", "0"), store("new"):
        assert done.returncode in (1, 2) and wanted in done.stderr and done.stdout == ""


def test_the_servers_user_may_not_revoke(cli, redis, tmp_path):  # noqa: F811
    conf = tmp_path / "c.conf"
    conf.write_text(f'redis = "{redis.path}"; redis_user = "relay";\n'
                    'redis_password = "relay-password"; realm = "turn";\n')
    done = cli("secret", "revoke", "ann", "--config", conf)
    assert done.returncode == 1 and done.stdout == "" and "--user" in done.stderr
    assert redis.say("EXISTS", "turn:revoked:turn") == "0"


# --- The server ---

@pytest.fixture
def server(serve):
    return serve({"users": ({"name": "static", "password": "static's password"},)})


def credentials(name, ttl=DAY, now=None):
    user = f"{int(now or time.time()) + ttl}:{name}"
    return Credentials(user, timed_password(SECRET, user))


def outcome(server, who):
    one = Client(server, who)
    try:
        return one.request(ALLOCATE, [UDP]).code
    finally:
        one.close()


def wait_for(what):
    deadline = time.monotonic() + 5
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_ended_at_once_and_nobody_else(cli, server):
    """New allocations, the living one, others of the same secret."""
    ann, bob = credentials("ann"), credentials("bob")
    calls = [Client(server, who) for who in (ann, bob)]
    for one in calls:
        one.allocate()
        assert one.refresh().code == 0
    done = cli("secret", "revoke", ann.user, "--config", server.path)
    assert done.returncode == 0, done.stderr
    wait_for(lambda: outcome(server, ann) == 401)
    assert [one.refresh().code for one in calls] == [401, 0]
    assert outcome(server, credentials("carol")) == 0
    assert outcome(server, bob) == 0
    # The allocation is gone, not just silent: under another name there may be a new one here.
    calls[0].creds = credentials("dave")
    assert calls[0].request(ALLOCATE, [UDP]).code == 0
    assert cli("secret", "unrevoke", ann.user, "--config", server.path).returncode == 0
    wait_for(lambda: outcome(server, ann) == 0)
    for one in calls:
        one.close()
    for word in (ann.user, digest(ann.user)):
        assert word not in server.log()


def test_a_static_user(cli, server):
    who = Credentials("static", "static's password")
    one = Client(server, who)
    one.allocate()
    assert cli("secret", "revoke", "static", "--config", server.path).returncode == 0
    wait_for(lambda: outcome(server, who) == 401)
    assert one.refresh().code == 401
    one.close()


def test_it_ends(cli, server):
    ann = credentials("ann", 7 * DAY)
    done = cli("secret", "revoke", ann.user, "--in", "600", "--config", server.path)
    assert done.returncode == 0
    wait_for(lambda: outcome(server, ann) == 401)
    server.advance(500)
    assert outcome(server, ann) == 401
    server.advance(200)
    assert outcome(server, ann) == 0
    one = Client(server, ann)
    one.allocate()
    assert one.refresh().code == 0
    one.close()


def test_a_bad_row_changes_nothing(cli, server):
    ann, bob = credentials("ann"), credentials("bob")
    assert cli("secret", "revoke", ann.user, "--config", server.path).returncode == 0
    wait_for(lambda: outcome(server, ann) == 401)
    with open(server.secrets_path, "a") as file:
        file.write("!bob 7\n")
    server.wait_log("secrets-refused")
    assert f"{server.secrets_path}:4: expected `!`, 64 digits" in server.log()
    assert outcome(server, ann) == 401 and outcome(server, bob) == 0

"""setup: what it prints is read by somebody else's reader, and lets a client in."""

import json
import re
import shlex
import shutil
import signal
import stat
import subprocess
import sys
from pathlib import Path
from urllib.parse import parse_qs, unquote

import pytest

from support import certificates
from support.netns import Netns
from support.server import SECRET, Server, binary, config_text

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / "conformance")]

from client import UDP, Client, Credentials  # noqa: E402
from stun import ALLOCATE, timed_password  # noqa: E402

NAME = "turn.example.org"
PLATFORMS = ["nextcloud", "jitsi", "matrix", "rocketchat"]
SHARED = PLATFORMS[:3]
OVER = {("turn", "udp"): "udp", ("turn", "tcp"): "tcp", ("turns", "tcp"): "tls"}


# --- Readers: each gives (urls as (scheme, host, port, transport), secret) ---

def section(text, title):
    """The indented lines below the title that begins so, without their indent."""
    rest = text[text.index("\n" + title):].split("\n\n")[1]
    return [line[4:] for line in rest.splitlines()]


def split_at(at):
    host, _, port = at.rpartition(":")
    return host.strip("[]"), int(port)


def read_nextcloud(text):
    urls, secrets = [], set()
    for line in section(text, "In Nextcloud"):
        words = shlex.split(line)
        assert words[0] == "occ"
        if words[1] == "talk:stun:add":
            assert len(words) == 3 and re.fullmatch(r"[^:]+:\d+", words[2])
            urls.append(("stun", *split_at(words[2]), "udp"))
            continue
        if words[2].startswith("--secret=-"):  # would be taken for an option, if it stood alone
            words[2:3] = words[2].split("=", 1)
        command, option, secret, end, schemes, at, protocols = words[1:]
        assert (command, option, end) == ("talk:turn:add", "--secret", "--")
        assert (secret[0] == "-") == ("--secret=" in line)
        assert schemes in ("turn", "turns", "turn,turns")
        assert protocols in ("udp", "tcp", "udp,tcp")
        secrets.add(secret)
        urls += [(s, *split_at(at), p) for s in schemes.split(",") for p in protocols.split(",")
                 if (s, p) in OVER]
    assert len(secrets) == 1
    return urls, secrets.pop()


# Loads the block as Prosody does, and says what it has got.
LUA = r"""
local env = {}
assert(load(io.read("a"), "block", "t", env))()
print(env.external_service_secret)
for _, s in ipairs(env.external_services) do
  assert(math.type(s.port) == "integer")
  assert(s.type == "stun" or s.secret == true and s.algorithm == "turn")
  print(s.type, s.host, s.port, s.transport, s.ttl or "")
end
"""


def read_jitsi(text):
    assert shutil.which("lua"), "lua is missing; prosody brings it"
    done = subprocess.run(["lua", "-e", LUA], input="\n".join(section(text, "In Prosody")) + "\n",
                          text=True, capture_output=True, timeout=30)
    assert done.returncode == 0, done.stderr
    secret, *rows = done.stdout.splitlines()
    rows = [row.split("\t") for row in rows]
    return [(kind, host, int(port), over) for kind, host, port, over, _ in rows], secret


def read_matrix(text):
    """As much of YAML as stands there: a list of strings, strings, numbers; all as in JSON."""
    settings, key = {}, None
    for line in section(text, "In Synapse"):
        if line.startswith("  - "):
            settings[key].append(json.loads(line[4:]))
            continue
        key, value = re.fullmatch(r"(\w+):(?: (.*))?", line).groups()
        settings[key] = json.loads(value) if value else []
    assert set(settings) == {"turn_uris", "turn_shared_secret", "turn_user_lifetime",
                             "turn_allow_guests"}
    return [read_uri(uri) for uri in settings["turn_uris"]], settings["turn_shared_secret"]


def read_uri(uri):
    scheme, _, rest = uri.partition(":")
    at, _, query = rest.partition("?")
    return (scheme, *split_at(at), parse_qs(query).get("transport", ["udp"])[0])


def read_rocketchat(text):
    """As the platform reads it: at commas, at the one @, at the colon, then decoded."""
    (line,) = section(text, "In Rocket.Chat")
    urls, users = [], set()
    for server in line.split(","):
        parts = server.split("@")
        assert len(parts) <= 2
        urls.append(read_uri(parts[-1]))
        if len(parts) == 2:
            user, password = map(unquote, parts[0].split(":"))
            users.add((user, password))
    assert len(users) == 1
    return urls, Credentials(*users.pop())


READ = {"nextcloud": read_nextcloud, "jitsi": read_jitsi, "matrix": read_matrix,
        "rocketchat": read_rocketchat}


def credentials(server, platform, secret):
    """What the platform would make of what it was given."""
    if platform == "rocketchat":
        return secret
    name = {"nextcloud": ":Ab3dEf6hIj9kLm2n", "jitsi": "", "matrix": ":@alice:matrix.example"}
    user = f"{server.now() + 86400}{name[platform]}"
    return Credentials(user, timed_password(secret, user))


# --- A relay, and setup beside it ---

@pytest.fixture
def setup(cli):
    """setup(server, platform, ...): what it prints; code: how it has to end."""
    def run(server, platform, *args, code=0, inside=None):
        done = cli("setup", platform, "--config", server.path, *args, inside=inside)
        assert done.returncode == code, done.stdout + done.stderr
        assert done.stderr == ""
        return done.stdout
    return run


def take_over(server, platform, text):
    """What the administrator does with the lines for our side; then a reload."""
    line = "".join(section(text, "In our configuration")) if platform == "rocketchat" else ""
    assert line.startswith("users = ") or not line
    Path(server.path).write_text(config_text(server.options) + line + "\n")
    before = server.log().count("is in force")
    server.process.send_signal(signal.SIGHUP)
    server.wait_log("is in force", before + 1)


def knock(server, who, over, to, **more):
    one = Client(server, who, over=over, to=to, host="::1" if ":" in to[0] else "127.0.0.1", **more)
    try:
        return one.request(ALLOCATE, [UDP]).code
    finally:
        one.close()


def all_let_in(server, platform, text, to=None, **more):
    """Every TURN URL that is printed lets its clients in, and nobody else. Returns all URLs."""
    urls, secret = READ[platform](text)
    who = credentials(server, platform, secret)
    wrong = Credentials(who.user, who.password[::-1])
    for scheme, host, port, transport in urls:
        if scheme == "stun":
            assert transport == "udp"
            continue
        over = OVER[scheme, transport]
        assert knock(server, who, over, (to or host, port), **more) == 0, (scheme, port, transport)
        assert knock(server, wrong, over, (to or host, port), **more) == 401
    return urls


def ways(urls):
    return sorted((scheme, transport) for scheme, _, _, transport in urls)


@pytest.fixture
def netns():
    made = Netns()
    yield made
    made.close()


@pytest.fixture(params=[False, True], ids=["clear", "tls"])
def certificate(request):
    return {"certificates": [certificates.shared()]} if request.param else {}


@pytest.mark.parametrize("platform", PLATFORMS)
def test_what_is_printed_lets_clients_in(serve, setup, platform, certificate):
    server = serve(certificate)
    text = setup(server, platform, "--host", NAME)
    take_over(server, platform, text)
    urls = all_let_in(server, platform, text, "127.0.0.1")
    assert {host for _, host, _, _ in urls} == {NAME}
    assert {port for _, _, port, _ in urls} == {server.port}
    expected = [("stun", "udp"), ("turn", "tcp"), ("turn", "udp"), ("turns", "tcp")]
    if platform == "matrix":  # its clients ask the TURN servers
        expected.pop(0)
    if not certificate:
        expected.pop()
        assert "There is no certificate" in text
    elif platform == "rocketchat":  # the shortest list that gets through
        expected.remove(("turn", "tcp"))
    assert ways(urls) == expected


def test_talk_gets_one_entry_for_one_port(serve, setup):
    server = serve({"certificates": [certificates.shared()], "turn_names": [NAME]})
    lines = section(setup(server, "nextcloud"), "In Nextcloud")
    assert len(lines) == 2
    assert lines[1].endswith(f" -- turn,turns {NAME}:{server.port} udp,tcp")
    panel = section(setup(server, "nextcloud"), "or in its Administration")
    assert re.fullmatch(rf"TURN servers  turn: and turns:  {NAME}:{server.port}  [0-9a-f]{{64}}  "
                        "UDP and TCP", panel[1])


@pytest.mark.parametrize("platform", PLATFORMS)
def test_port_443_of_several_is_taken_for_streams(netns, setup, platform):
    conf = {"listen": ["127.0.0.1:3478", "127.0.0.1:443"], "turn_names": [NAME],
            "certificates": [certificates.shared()]}
    server = Server(conf, netns=netns)
    with server:
        server.wait_log("started")
        text = setup(server, platform, inside=netns)
        take_over(server, platform, text)
        urls = all_let_in(server, platform, text, "127.0.0.1", netns=netns)
    ports = {(scheme, transport): port for scheme, _, port, transport in urls}
    assert ports.get(("stun", "udp"), 3478) == ports[("turn", "udp")] == 3478
    assert ports[("turns", "tcp")] == ports.get(("turn", "tcp"), 443) == 443


@pytest.fixture
def prepared():
    """prepared(conf, ...): a configuration that nobody runs."""
    made = []

    def make(conf=None, **more):
        made.append(Server({"turn_names": [NAME]} | (conf or {}), **more))
        return made[-1]

    yield make
    for one in made:
        one.discard()


@pytest.mark.parametrize("platform", PLATFORMS)
def test_tls_on_a_port_of_its_own(prepared, setup, platform):
    conf = {"listen": [], "listen_udp": ["0.0.0.0:3478"], "listen_tcp": ["0.0.0.0:3479"],
            "listen_tls": ["0.0.0.0:5349"], "certificates": [certificates.shared()]}
    text = setup(prepared(conf), platform)
    urls, _ = READ[platform](text)
    ports = {("stun", "udp"): 3478, ("turn", "udp"): 3478, ("turn", "tcp"): 3479,
             ("turns", "tcp"): 5349}
    assert all(port == ports[scheme, over] for scheme, _, port, over in urls)
    assert ("turns", "tcp") in ways(urls) and len(set(urls)) == len(urls)
    assert section(text, "Firewall")[:3] == ["UDP 3478", "TCP 3479", "TCP 5349"]
    assert [line.split()[3] for line in section(text, "and from a machine")] == \
        [f"{NAME}:{port}" for port in (3478, 3479, 5349)]


@pytest.mark.parametrize("platform", PLATFORMS)
def test_ipv6_without_a_name(serve, setup, platform):
    server = serve({"certificates": [certificates.shared()]})
    text = setup(server, platform, "--host", "::1")
    take_over(server, platform, text)
    urls = all_let_in(server, platform, text, "::1")
    assert {host for _, host, _, _ in urls} == {"::1"}
    assert ("turns", "tcp") not in ways(urls) and "turns: is left out" in text
    assert (("stun", "udp") in ways(urls)) == (platform in ("jitsi", "rocketchat"))
    if platform in ("matrix", "rocketchat"):
        assert f"turn:[::1]:{server.port}?transport=udp" in text


@pytest.mark.parametrize("platform", PLATFORMS)
def test_behind_nat_the_public_address_is_named(serve, setup, platform):
    server = serve({"external_ipv4": "11.0.0.7", "certificates": [certificates.shared()]})
    text = setup(server, platform)
    take_over(server, platform, text)
    urls = all_let_in(server, platform, text, "127.0.0.1")
    assert {host for _, host, _, _ in urls} == {"11.0.0.7"}
    assert "turns: is left out" in text and "Behind NAT set" not in text


def test_a_private_address_is_pointed_out(prepared, setup):
    text = setup(prepared({"relay_ipv4": "10.1.2.3", "relay_ipv6": "off"}), "nextcloud")
    assert "relayed at 10.1.2.3" in text and "external_ipv4" in text


# --- Secrets ---

def ids(cli, server):
    done = cli("secret", "list", "--file", server.secrets_path, "--json")
    return [row["id"] for row in json.loads(done.stdout)["secrets"]]


def test_each_platform_has_a_secret_of_its_own(cli, prepared, setup):
    server = prepared(secrets=None, conf={"secrets_file": None})
    server.options["secrets_file"] = server.secrets_path
    server.write_conf()
    made = {}
    for platform in SHARED:
        first, again = setup(server, platform), setup(server, platform)
        made[platform] = READ[platform](first)[1]
        assert READ[platform](again)[1] == made[platform]
        assert f'The secret "{platform}" has been made' in first
        assert f'The secret "{platform}" is in force' in again
    assert len(set(made.values())) == 3 and ids(cli, server) == SHARED
    assert stat.S_IMODE(Path(server.secrets_path).stat().st_mode) == 0o600


def test_a_secret_by_id(cli, prepared, setup):
    server = prepared()
    assert read_matrix(setup(server, "matrix", "--id", "one"))[1] == SECRET
    assert ids(cli, server) == ["one"]


def test_a_secret_that_is_to_end(cli, prepared):
    server = prepared(secrets=(("jitsi", 0, 2000000000, SECRET),))
    done = cli("setup", "jitsi", "--config", server.path)
    assert done.returncode == 1 and done.stdout == ""
    assert "--id jitsi-2" in done.stderr and SECRET not in done.stderr


@pytest.mark.parametrize("first", ["!", "-"])
@pytest.mark.parametrize("platform", SHARED)
def test_a_secret_of_the_platform(prepared, setup, tmp_path, platform, first):
    """Every byte that a secret may have survives the other side's reader."""
    secret = first + "".join(map(chr, range(0x21, 0x7f)))
    file = tmp_path / "secret.txt"
    file.write_text(secret + "\n")
    server = prepared()
    before = Path(server.secrets_path).read_bytes()
    text = setup(server, platform, "--secret-file", file)
    assert READ[platform](text)[1] == secret
    assert "drehkreuz secret add" in text
    assert Path(server.secrets_path).read_bytes() == before


def test_a_user_that_is_there_already(serve, setup):
    """With a name and a password that only survive percent-encoding."""
    user = {"name": "rocketchat", "password": "p@ss: wörd,100%"}
    server = serve({"users": [user]})
    text = setup(server, "rocketchat", "--host", NAME)
    assert "In our configuration; then" not in text and "already" in text
    urls, who = read_rocketchat(text)
    assert who.password == user["password"]
    all_let_in(server, "rocketchat", text, "127.0.0.1")


def test_one_more_user(prepared, setup):
    server = prepared({"users": [{"name": "else", "password": "something"}]})
    (line,) = section(setup(server, "rocketchat"), "In our configuration, as one more")
    assert re.fullmatch(r'{ name = "rocketchat"; password = "[0-9a-f]{64}"; }', line)


# --- What has to be changed on our side ---

@pytest.mark.parametrize("platform, code", [("nextcloud", 1), ("jitsi", 0), ("matrix", 0)])
def test_short_credentials(serve, setup, platform, code):
    server = serve({"max_credential_ttl": 3600})
    text = setup(server, platform, "--host", NAME, code=code)
    assert ("  ! " in text) == bool(code)
    if platform == "matrix":
        assert "turn_user_lifetime: 3600000" in text
    elif platform == "jitsi":
        assert text.count("ttl = 3600,") == 2
    else:
        assert "max_credential_ttl" in text


def test_a_name_that_is_the_web_servers(prepared, setup):
    conf = {"web_server": "127.0.0.1:8443", "certificates": [certificates.shared()]}
    setup(prepared(conf), "matrix")
    text = setup(prepared(conf), "matrix", "--host", "other.example.org", code=1)
    assert '  ! With web_server' in text and 'turn_names = ["other.example.org"]' in text


# --- Proof, JSON ---

def test_the_check_that_is_printed(serve, setup, tmp_path):
    server = serve()
    text = setup(server, "nextcloud", "--host", "127.0.0.1")
    (tmp_path / "secret.txt").write_text(read_nextcloud(text)[1] + "\n")
    take_over(server, "nextcloud", text)
    lines = section(text, "Try it here") + section(text, "and from a machine")
    assert len(lines) == 2 and lines[1].endswith("--transport udp,tcp")
    for line in lines:
        command, *words = shlex.split(line)
        assert command == "drehkreuz"
        done = subprocess.run([binary(), *words], cwd=tmp_path, capture_output=True, text=True,
                              timeout=60)
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("platform", PLATFORMS)
def test_json_says_the_same(prepared, setup, platform):
    server = prepared({"users": [{"name": "rocketchat", "password": "of old"}]})
    setup(server, platform)
    text, shown = setup(server, platform), json.loads(setup(server, platform, "--json"))
    assert shown["platform"] == platform and shown["host"] == NAME and shown["origin"] == "found"
    for one in shown["sections"]:
        assert all(f"\n    {line}\n" in text for line in one["lines"]) and one["lines"]
    words = " ".join(text.split())
    assert shown["notes"] and all(note["text"] in words for note in shown["notes"])
    assert all(note["must"] is False for note in shown["notes"])
    secret = READ[platform](text)[1]
    assert shown.get("secret") == secret or shown["password"] == secret.password


# --- Mistakes ---

@pytest.mark.parametrize("typed, guess", [
    ("nextclod", "nextcloud"), ("jitsy", "jitsi"), ("Matrix", "matrix"),
    ("rocket.chat", "rocketchat"),
])
def test_an_unknown_platform_gets_a_guess(cli, typed, guess):
    done = cli("setup", typed)
    assert done.returncode == 2 and done.stdout == ""
    assert f'unknown platform "{typed}"; did you mean "{guess}"?' in done.stderr


@pytest.mark.parametrize("host", ["", "turn:turn.example.org", "turn.example.org:443", "-x", "a b",
                                  "a;b", "$(id)", "192.0.2.1:3478", "x" * 254, "a'b", "ä.example"])
def test_a_host_that_is_none(cli, prepared, host):
    done = cli("setup", "nextcloud", "--config", prepared().path, "--host", host)
    assert done.returncode == 2 and done.stdout == "" and "--host is a name" in done.stderr


def test_no_configuration(cli):
    done = cli("setup", "jitsi", "--config", "/nowhere")
    assert done.returncode == 2 and done.stdout == "" and "--config" in done.stderr


@pytest.mark.parametrize("args", [["--id", "A B"], ["--id", "x", "--secret-file", "y"],
                                  ["--secret-file", "/nowhere"], ["--secret-file", "/dev/null"]])
def test_a_wrong_secret_option(cli, prepared, args):
    done = cli("setup", "jitsi", "--config", prepared().path, *args)
    assert done.returncode == 2 and done.stdout == "" and done.stderr.count("\n") == 1


@pytest.mark.parametrize("platform, secret, good", [
    ("rocketchat", b"x" * 255, True), ("rocketchat", b"x" * 256, False),
    ("jitsi", b"x" * 512, True), ("jitsi", b"x" * 513, False), ("jitsi", b"x" * 15, False),
    ("matrix", b"secret\xff\xfe0123456789", False), ("rocketchat", b"\x1b[2J0123456789abc", False),
], ids=lambda value: len(value) if isinstance(value, bytes) else str(value))
def test_what_the_file_of_a_secret_may_hold(cli, prepared, tmp_path, platform, secret, good):
    """What our own configuration or a platform's file has no room for is not printed."""
    file = tmp_path / "secret.txt"
    file.write_bytes(secret + b"\n")
    server = prepared()
    done = cli("setup", platform, "--config", server.path, "--secret-file", file)
    assert done.returncode == (0 if good else 2), done.stdout + done.stderr
    assert bool(done.stdout) == good and "xxxx" not in done.stderr
    if good and platform == "rocketchat":
        line = section(done.stdout, "In our configuration")[0]
        Path(server.path).write_text(config_text(server.options) + line + "\n")
        assert cli("config", "check", "--config", server.path).returncode == 0


def test_a_secret_that_no_text_can_hold(cli, prepared):
    server = prepared(secrets=None, conf={"secrets_file": None})
    server.options["secrets_file"] = server.secrets_path
    server.write_conf()
    Path(server.secrets_path).write_bytes(b"matrix 0 0 secret\xff\xfe0123456789\n")
    Path(server.secrets_path).chmod(0o600)
    done = cli("setup", "matrix", "--config", server.path)
    assert done.returncode == 1 and done.stdout == "" and "--id matrix-2" in done.stderr


def test_the_servers_own_file_is_no_secret(cli, prepared):
    server = prepared()
    done = cli("setup", "jitsi", "--config", server.path, "--secret-file", server.secrets_path)
    assert done.returncode == 2 and "--id" in done.stderr and SECRET not in done.stderr


def test_others_may_not_read_the_secrets():
    """Whoever is neither root nor the server gets nothing but what to do."""
    server = Server({"turn_names": [NAME]}, secrets=(("nextcloud", 0, 0, SECRET),))
    try:
        Path(server.dir).chmod(0o755)
        tool = shutil.copy(binary(), server.dir)
        done = subprocess.run([tool, "setup", "nextcloud", "--config", server.path], text=True,
                              capture_output=True, timeout=60, user=65534, group=65534,
                              extra_groups=[])
    finally:
        server.discard()
    assert done.returncode == 2 and done.stdout == ""
    assert "run this as root" in done.stderr and SECRET not in done.stderr

"""Each fault has a sentence of its own in drehkreuz check, and a remedy. A row of FAULTS breaks one
thing in a scene in which all was well just before, and says what the check must say then."""

import re
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Callable

import pytest

from scene import NAME, SRV4, SRV6, Scene
from support import pki
from support.resolver import A, AAAA, SRV
from support.server import binary
from support.warp import Warp


def wrong_secret(s):
    s.secret = "not-the-secret-of-this-server"
    s.shared()


def this_clock_ahead(s):
    """So that for the check the server's clock is behind."""
    s.warp = Warp(s.folder)
    s.warp.advance(7200)
    s.env |= s.warp.environment()


def in_firewall(hook, rule):
    return lambda s: s.firewall(s.srv, hook, rule)


def reloaded(**conf):
    return lambda s: s.server.reload(conf)


def certified(**how):
    return lambda s: s.certificate(**how)


def chain(s):
    s.between = pki.Authority("authority between", by=pki.root())
    s.certificate(by=s.between, sent=[s.between])


def leaf_alone(s):
    s.certificate(by=s.between)


def both_families(s):
    s.dns.records[NAME, AAAA] = [SRV6]


def srv_record(port, target):
    def make(s):
        s.dns.records |= {(f"_turn._udp.{NAME}", SRV): [(port, target)],
                          ("other.example", A): ["11.77.0.9"]}
    return make


def with_redis(s):
    start_redis(s)
    s.restart(secrets=None, redis="127.0.0.1:6379")
    assert s.run(s.srv, binary(), "secret", "new", "--config", s.server.path).returncode == 0
    s.server.wait_log("1 shared secrets")


def start_redis(s):
    s.redis = s.beside("/usr/bin/redis-server", "--port", "6379", "--save", "", "--bind",
                       "127.0.0.1")
    deadline = time.monotonic() + 10
    while "PONG" not in s.run(s.srv, "redis-cli", "ping").stdout:
        assert time.monotonic() < deadline


def started_without_redis(s):
    s.halt()
    s.redis.kill()
    s.redis.wait()
    s.server.start()
    s.server.wait_log("redis-lost")


def port_taken(s):
    """By a program that was there first when the server came back."""
    s.halt()
    code = (f"import socket, time; s = socket.socket(type=socket.SOCK_DGRAM); "
            f"s.bind(('{SRV4}', 3478)); time.sleep(60)")
    s.beside(sys.executable, "-c", code)
    deadline = time.monotonic() + 10
    while ":3478" not in s.run(s.srv, "ss", "-Hlun").stdout:
        assert time.monotonic() < deadline
    done = s.run(s.srv, binary(), "run", "--config", s.server.path)
    assert done.returncode != 0 and "in use by another process: stop it" in done.stderr


def other_realm(s):
    """Written, but the server has not been told."""
    s.server.options["realm"] = "elsewhere"
    s.server.write_conf()


def web_server(s):
    s.restart(listen=[f"{SRV4}:3479"], listen_udp=[f"{SRV4}:3478"])
    s.web_server(3478, is_patient=True)


def over(transports):
    return lambda s: s.shared(transports)


@dataclass
class Fault:
    name: str
    inject: Callable
    says: str  # the cause, all of it
    do: str    # in the remedy
    asks: Callable = over("udp,tcp,tls")
    before: Callable = lambda s: None
    conf: dict = field(default_factory=dict)
    mark: str = "fail"


def from_own(*more):
    return lambda s: s.own(*more)


FAULTS = [
    # Credentials
    Fault("wrong-secret", wrong_secret, "wrong secret: the server does not know it",
          "copy the value again"),
    Fault("clock-ahead", lambda s: s.server.advance(7200),
          "the secret is right, but the server's clock is ahead of this machine's by about 2 h, so "
          "it refuses credentials made here", "NTP"),
    Fault("clock-behind", this_clock_ahead,
          "the server's clock is behind this machine's by about 2 h, so it takes credentials that "
          "are over", "NTP", mark="warn"),
    Fault("clock-behind-short-credentials", this_clock_ahead,
          "the secret is right, but the server's clock is behind this machine's by about 2 h, so "
          "it refuses credentials made here", "NTP", conf={"max_credential_ttl": 3600}),
    Fault("expired", lambda s: s.login(-7260),
          "this credential has expired: its end was 2 h ago", "make a new one",
          asks=lambda s: s.login(600)),
    Fault("made-with-another-secret", lambda s: s.login(86400, "a-secret-of-some-other-server"),
          "the server does not accept this credential, which is good for another 24 h by this "
          "machine's clock", "made with a secret of this server", asks=lambda s: s.login(600)),
    Fault("wrong-realm", other_realm,
          "wrong realm: what answers does not have the realm of this configuration", "restart",
          asks=from_own()),
    # Ports
    Fault("udp-blocked", in_firewall("input", "udp dport 3478 drop"),
          f"UDP blocked: {NAME} answers on TCP port 3478, but nothing comes back over UDP",
          "open UDP port 3478"),
    Fault("tcp-blocked", in_firewall("input", "tcp dport 3478 drop"),
          f"port blocked: nothing comes back from {NAME} over TCP port 3478", "open TCP port 3478"),
    Fault("tcp-rejected",
          in_firewall("input", "tcp dport 3478 reject with icmpx type host-unreachable"),
          f"port rejected: a firewall or router answers that {NAME} cannot be reached on TCP port "
          "3478", "open TCP port 3478"),
    Fault("tcp-closed", lambda s: s.restart(listen=[f"{SRV4}:3479"], listen_udp=[f"{SRV4}:3478"]),
          f"port closed: {NAME} refuses TCP port 3478, nobody listens there", "start the server"),
    Fault("web-server-on-tcp", web_server,
          "a web server answers on port 3478 instead of a TURN server", "web_server",
          asks=over("udp,tcp")),
    Fault("server-down", lambda s: s.halt(),
          f"no answer from {SRV4}:3478 over UDP: not running, firewalled, or wrong port",
          "nobody listens there", asks=from_own("--transport", "udp"), conf={
              "listen": [f"{SRV4}:3478"]}),
    Fault("port-in-use", port_taken,
          f"port in use: the program {re.sub('.*/', '', sys.executable)} has UDP port 3478, so the "
          "server cannot have it", "stop that program", asks=from_own()),
    Fault("redis-unreachable", started_without_redis,
          "the configured secrets cannot be read: Redis cannot be used; see the option redis "
          "(nobody listens there)", "gets no secret", asks=from_own(), before=with_redis),
    # Relaying
    Fault("relay-range-closed-inwards", in_firewall("input", "udp dport 50000-60000 drop"),
          "relay range blocked: the server answers, but its relayed ports cannot be reached",
          "relay_ports"),
    Fault("relay-range-closed-outwards", in_firewall("output", "udp sport 50000-60000 drop"),
          "the relay receives, but what it sends does not arrive here", "send UDP"),
    Fault("wrong-external-address", reloaded(external_ipv4="192.0.2.1"),
          "wrong external address: the server announces relayed addresses that do not lead to it",
          "external_ipv4"),
    Fault("private-external-address", reloaded(external_ipv4="10.11.12.13"),
          "private external address: relayed addresses are announced that only the server's own "
          "network knows", "public address"),
    # Certificates
    Fault("certificate-expired", certified(days=(-9, -1)), "the certificate has expired",
          "renew"),
    Fault("certificate-early", certified(days=(2, 90)), "the certificate is not valid yet",
          "clock"),
    Fault("certificate-ends-soon", certified(days=(-9, 5)), "the certificate ends in 5 days",
          "renewal", mark="warn"),
    Fault("certificate-wrong-name", certified(names=["other.example"]),
          f"the certificate is for another name than {NAME}", "issued for this name"),
    Fault("certificate-self-signed", certified(by="self"),
          "the certificate is self-signed, so browsers refuse it", "public authority"),
    Fault("chain-incomplete", leaf_alone,
          "the chain is incomplete: the server sends its own certificate alone, and this machine "
          "does not know its authority", "fullchain.pem", before=chain),
    # Names and families
    Fault("ipv6-dead", in_firewall("input", "meta nfproto ipv6 meta l4proto { tcp, udp } drop"),
          f"IPv6 advertised but dead: {NAME} has an IPv6 address, and UDP port 3478 does not answer "
          "at it", "AAAA", before=both_families),
    Fault("name-gone", lambda s: s.dns.records.clear(), "the name gives no address",
          "A or AAAA record"),
    Fault("dns-down", lambda s: s.dns.close(), "no DNS server answers this machine",
          "resolv.conf"),
    Fault("srv-elsewhere", srv_record(3478, "other.example"),
          f"the SRV record _turn._udp.{NAME} points elsewhere, to other.example port 3478",
          "correct that record", before=srv_record(3478, NAME)),
]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_fault(tmp_path, fault):
    with Scene(tmp_path) as scene:
        scene.start(**fault.conf)
        fault.before(scene)
        fault.asks(scene)
        good = scene.check()
        assert good.ok and not good.rows, good.rows
        fault.inject(scene)
        found = scene.check()
        assert {row["cause"] for row in found.rows} == {fault.says}, found.rows
        assert {row["mark"] for row in found.rows} == {fault.mark}
        assert all(fault.do in row["remedy"] for row in found.rows), found.rows


def test_no_two_faults_are_told_alike():
    assert len({fault.says for fault in FAULTS}) == len(FAULTS) >= 17


def test_the_page_has_every_sentence():
    page = (Path(__file__).resolve().parents[2] / "conf" / "check.md").read_text()
    for fault in FAULTS:
        general = fault.says
        for what, name in ((NAME, "HOST"), (SRV4, "HOST"), ("port 3478", "port PORT"),
                           (":3478", ":PORT"), (r"\d+ h\b", "TIME"), (r"\d+ days", "N days"),
                           (r"program \S+", "program PROGRAM")):
            general = re.sub(what, name, general)
        assert f"| {general} |" in page

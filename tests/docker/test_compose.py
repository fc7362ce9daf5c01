"""The compose files and the Dockerfile keep to what README.md promises of them."""

import re

import pytest

import compose

RELAYS = ["compose.yaml", "compose.ports.yaml"]
SERVICES = [(name, service) for name in RELAYS for service in compose.load(name)["services"]]


@pytest.mark.parametrize("name, service", SERVICES)
def test_nothing_is_allowed_that_is_not_needed(name, service):
    spec = compose.load(name)["services"][service]
    assert spec["read_only"] is True
    assert spec["cap_drop"] == ["ALL"] and "cap_add" not in spec
    assert spec["security_opt"] == ["no-new-privileges:true"]
    assert "privileged" not in spec and "devices" not in spec
    assert spec["ulimits"]["core"] == 0 and spec["pids_limit"] <= 128
    assert spec["logging"]["options"]["max-size"]
    assert spec["restart"] == "unless-stopped"


@pytest.mark.parametrize("name, service", SERVICES)
def test_images_are_named(name, service):
    """By a version, or made here."""
    spec = compose.load(name)["services"][service]
    assert spec["image"] == "drehkreuz" and spec["build"]["context"] == ".." or \
        re.fullmatch(r"redis:\d+\.\d+-bookworm", spec["image"])


@pytest.mark.parametrize("name, service", SERVICES)
def test_what_it_mounts_is_declared(name, service):
    whole = compose.load(name)
    spec = whole["services"][service]
    for text in spec["volumes"]:
        source = text.split(":")[0]
        is_folder = source.startswith("./")
        assert (compose.FOLDER / source).is_dir() if is_folder else source in whole["volumes"]
        assert not is_folder or text.endswith(":ro")
    assert all(secret in whole["secrets"] for secret in spec.get("secrets", []))


def test_the_relay_has_the_hosts_network():
    services = compose.load("compose.yaml")["services"]
    assert services["drehkreuz"]["network_mode"] == "host"
    assert services["drehkreuz"]["ulimits"]["nofile"] >= 65536 + 10000


def test_redis_is_out_of_reach():
    """Nobody but the relay gets to it, with a name and a password of its own."""
    redis = compose.load("compose.yaml")["services"]["redis"]
    assert redis["network_mode"] == "none" and "ports" not in redis
    assert redis["profiles"] == ["redis"]
    assert "--port 0" in redis["command"] and "--aclfile /run/secrets/redis.acl" in redis["command"]
    assert "noeviction" in redis["command"] and "--appendonly yes" in redis["command"]
    assert redis["secrets"] == ["redis.acl"] and "environment" not in redis


def test_published_ports_are_those_of_the_configuration():
    ports = compose.load("compose.ports.yaml")["services"]["drehkreuz"]["ports"]
    conf = (compose.FOLDER / "etc-ports/drehkreuz.conf").read_text()
    relayed = re.search(r'^relay_ports = "(.*)";', conf, re.M).group(1)
    assert ports == ["3478:3478/udp", "3478:3478/tcp", f"{relayed}:{relayed}/udp"]
    first, last = map(int, relayed.split("-"))
    assert last - first + 1 == 100
    assert re.search(r'^external_ipv4 = "203\.0\.113\.7";', conf, re.M)


def test_the_build_sees_what_it_needs():
    lines = (compose.FOLDER.parent / ".dockerignore").read_text().split()
    assert "*" in lines and "!relay" in lines
    assert not any(line.startswith(("!build", "!docker", "!tests", "!.git")) for line in lines)


def test_readme_is_a_screen_and_its_problems():
    text = (compose.FOLDER / "README.md").read_text()
    steps = text.split("\n## ")[0]
    assert steps.count("\n") <= 45
    assert "Known problems" in text
    for name in RELAYS + ["etc/drehkreuz.conf"]:
        assert name in text

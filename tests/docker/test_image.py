"""What the image holds."""

import os
import re
import stat
import subprocess

import image as images

MEGABYTE = 10**6


def packages(root):
    made = subprocess.run(["dpkg-query", f"--admindir={root}/var/lib/dpkg", "-W", "-f",
                           "${Package}\n"], capture_output=True, text=True, check=True)
    return made.stdout.split()


def test_at_most_40_megabytes_over_its_base(image, record_property):
    added = images.size(image.root) - image.base_size
    record_property("bytes", added)
    print(f"{added / MEGABYTE:.1f} MB over the base")
    assert 1 * MEGABYTE < added <= 40 * MEGABYTE


def test_nothing_of_the_build_is_left(image):
    names = packages(image.root)
    assert not [name for name in names if name.endswith("-dev") or name in ("gcc", "cmake")]
    assert not list(image.root.glob("var/lib/apt/lists/*_*"))
    assert not list(image.root.glob("var/cache/apt/*"))
    assert not (image.root / "src").exists() and not (image.root / "build").exists()
    docs = [path for path in image.root.glob("usr/share/doc/**/*") if path.is_file()]
    assert [path.name for path in docs if "drehkreuz" in path.parts] == ["copyright"]
    assert {path.name for path in docs} == {"copyright"} or not docs


def test_the_binary_is_stripped_and_finds_its_libraries(image):
    binary = image.root / "usr/local/bin/drehkreuz"
    sections = subprocess.run(["readelf", "-WS", binary], capture_output=True, text=True).stdout
    assert ".text" in sections and ".symtab" not in sections and ".debug" not in sections
    made = subprocess.run(["chroot", image.root, "/usr/local/bin/drehkreuz", "--version"],
                          capture_output=True, text=True)
    assert made.returncode == 0 and "drehkreuz" in made.stdout.lower(), made.stderr


def test_it_is_run_by_nobody_in_particular(image):
    uid, gid = image.user()
    assert (uid, gid) == (3478, 3478)
    passwd = (image.root / "etc/passwd").read_text()
    assert re.search(r"^drehkreuz:x:3478:3478::/nonexistent:/usr/sbin/nologin$", passwd, re.M)


def test_its_user_can_write_to_the_volume_alone(image):
    uid, _ = image.user()
    owned = []
    for folder, folders, names in os.walk(image.root):
        for name in folders + names:
            path = os.path.join(folder, name)
            st = os.lstat(path)
            if st.st_uid == uid:
                owned.append("/" + os.path.relpath(path, image.root))
            is_own = name == "drehkreuz" or "/drehkreuz" in folder
            assert not (is_own and st.st_mode & stat.S_IWOTH), path
    assert owned == ["/var/lib/drehkreuz"]
    assert list(image.conf["Volumes"]) == ["/var/lib/drehkreuz"]
    assert stat.S_IMODE((image.root / "var/lib/drehkreuz").stat().st_mode) == 0o700


def test_how_it_is_run(image):
    conf = image.conf
    assert conf["User"] == "drehkreuz"
    assert conf["Entrypoint"] == ["drehkreuz"] and conf["Cmd"] == ["run"]
    assert conf["Healthcheck"]["Test"] == ["CMD", "drehkreuz", "check", "--quick"]
    assert set(conf["ExposedPorts"]) == {"3478/tcp", "3478/udp"}


def test_its_configuration_is_not_that_of_the_folder_beside_it(image):
    """Which may hold passwords by the time of the next build."""
    files = [path.name for path in (image.root / "etc/drehkreuz").rglob("*")]
    assert files == ["drehkreuz.conf"]
    text = (image.root / "etc/drehkreuz/drehkreuz.conf").read_text()
    assert 'secrets_file = "/var/lib/drehkreuz/secrets";' in text and "redis" not in text

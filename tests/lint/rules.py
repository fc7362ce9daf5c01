"""The house rules as functions of the tree. Each yields (path, line, what is wrong)."""

import re

# What a room may include of the others; relay/README.md shows the same table.
DOORS = {
    "base": [],
    "crypto": ["base/"],
    "wire": ["base/", "crypto/"],
    "turn": ["base/", "crypto/", "wire/"],
    "auth": ["base/", "crypto/"],
    "net": ["base/", "turn/turn.h", "wire/demux.h", "wire/frame.h"],
    "redis": ["auth/auth.h", "base/"],
    "local": ["base/"],
    "issuer": ["auth/auth.h", "base/", "local/local.h"],
    "metrics": ["base/"],
    "privacy": [],
    "setup": ["crypto/crypto.h"],
    "sandbox": ["base/"],
    "config": ["base/"],
    "import": ["base/", "config/conf.h"],
    "check": ["auth/auth.h", "base/", "crypto/", "net/net.h", "wire/"],
    "main": ["auth/", "base/", "check/", "config/", "crypto/", "import/import.h",
             "issuer/issuer.h", "local/local.h", "metrics/metrics.h", "net/", "privacy/privacy.h",
             "redis/redis.h", "sandbox/sandbox.h", "setup/setup.h", "turn/", "wire/"],
}

# Libraries, and the only places that know them.
TLS_FILES = ("relay/net/tls", "relay/net/dtls", "relay/check/tls.c", "relay/redis/tls.c")
LIBRARIES = {
    r"openssl/(ssl|bio|pem|x509v3)\.h": TLS_FILES,
    r"openssl/err\.h": ("relay/crypto/", *TLS_FILES),
    r"openssl/(?!(ssl|bio|pem|x509v3|err)\.h)": "relay/crypto/",
    r"event2/|event\.h": ("relay/net/", "relay/redis/", "relay/local/", "relay/main/loop.c"),
    r"hiredis/": "relay/redis/reply.c",
    r"libconfig\.h": "relay/config/conf_load.c",
    r"seccomp\.h": "relay/sandbox/calls.c",
    r"jansson\.h": "relay/check/talk.c",
    r"uni(str|norm|ctype|case)\.h": "relay/auth/",
    r"(sys/socket|netinet/\w+|netdb|ifaddrs|linux/errqueue|net/if)\.h":
        ("relay/net/", "relay/main/", "relay/check/", "relay/redis/connect.c",
         "relay/local/local.c", "relay/local/place.c", "relay/sandbox/calls.c"),
    r"(resolv|arpa/nameser)\.h": "relay/check/dns.c",
    r"arpa/inet\.h": ("relay/net/", "relay/main/", "relay/check/", "relay/base/addr.c"),
    r"pthread\.h": ("relay/net/", "relay/main/", "relay/turn/ports.c", "relay/turn/usage.c",
                   "relay/base/pool.c"),
}

# Calls, and the only places that may make them. Text leaves the process through these files.
TEXT_FILES = ("relay/base/log.c", "relay/base/addr.c", "relay/config/conf_", "relay/auth/error.c",
              "relay/auth/file.c", "relay/auth/secrets.c", "relay/net/net_error.c",
              "relay/redis/text.c", "relay/main/", "relay/check/", "relay/privacy/", "relay/setup/")
CALLS = {
    r"v?(?:f|d|s|sn|as)?printf|f?puts|putc?har|perror|v?syslog|strerror(?:_r)?|psignal":
        TEXT_FILES,
    r"inet_ntop|inet_ntoa|getnameinfo": ("relay/base/addr.c",),
    r"malloc|calloc|realloc|reallocarray|strn?dup|free": (
        "relay/base/mem.c",
        "relay/auth/prepare.c",  # releases what libunistring returns
    ),
    r"time|clock_gettime|gettimeofday|rand(?:om)?|srand(?:om)?|localtime": ("relay/base/clock.c",),
}

# State that outlives a call. Every entry says why.
MUTABLE = {
    "relay/base/mem.c": {"fail_in", "live"},  # tests make the n-th call fail; atomic
    "relay/base/pool.c": {"pool"},  # a context would reach every allocation; locked
}

SIZES = {"file": 500, "function": 70, "parameters": 5, "depth": 3}

# Callbacks whose parameters are a library's.
FOREIGN = {"on_protocols"}  # SSL_CTX_set_alpn_select_cb

TOP_LEVEL = {"relay", "conf", "tests", "systemd", "docker", "CMakeLists.txt", "README.md",
             "LICENSE"}


def _under(path, places):
    return path.startswith((places,) if isinstance(places, str) else tuple(places))


def includes(tree):
    """A room sees only the rooms below it."""
    for source in tree.c_files():
        for line, name, is_system in source.includes():
            if is_system or name.startswith(source.room + "/"):
                continue
            if not any(name == door or door.endswith("/") and name.startswith(door)
                       for door in DOORS.get(source.room, [])):
                yield source.path, line, f"{source.room} may not include {name}"


def libraries(tree):
    """Each library has one room, or one file, that knows it."""
    for source in tree.c_files():
        for line, name, is_system in source.includes():
            for pattern, places in LIBRARIES.items():
                if is_system and re.match(pattern, name) and not _under(source.path, places):
                    yield source.path, line, f"{name} belongs to {places}"


def private_headers(tree):
    """*_int.h stays in its room; the room's own unit tests may look."""
    for source in tree.c_files("relay/") + tree.c_files("tests/"):
        for line, name, _ in source.includes():
            if not name.endswith("_int.h"):
                continue
            room = name.split("/")[0]
            if not _under(source.path, (f"relay/{room}/", f"tests/unit/{room}/", "tests/fuzz/",
                                        "tests/sim/" if room == "turn" else "tests/unit/turn/")):
                yield source.path, line, f"{name} is private to {room}"


def own_header_first(tree):
    """A file that has a header includes it first, so it proves itself complete."""
    for source in tree.c_files():
        own = source.path[len("relay/"):-2] + ".h"
        names = [name for _, name, _ in source.includes()]
        if source.path.endswith(".c") and "relay/" + own in tree and names[:1] != [own]:
            yield source.path, 1, f"{own} must be the first include"


def sizes(tree):
    """Files of 500 lines, functions of 70, 5 parameters, depth 3."""
    for source in tree.values():
        is_code = source.is_c or source.path.endswith((".py", ".sh"))
        count = source.text.count("\n")
        if is_code and count > SIZES["file"]:
            yield source.path, count, f"{count} lines"
        for function in source.functions() if source.is_c else ():
            for what, value in (("function", function.lines), ("depth", function.depth()),
                                ("parameters", function.parameters())):
                is_foreign = what == "parameters" and function.name in FOREIGN
                if value > SIZES[what] and not is_foreign:
                    yield source.path, function.line, f"{function.name}: {what} {value}"


def prose(tree):
    """Every C file, or its header, says what it is for; no line comments, nothing left to do."""
    for source in tree.c_files("relay/") + tree.c_files("tests/"):
        has_header = source.path.endswith(".c") and source.path[:-2] + ".h" in tree
        if not source.text.startswith("/*") and not has_header:
            yield source.path, 1, "must start with a comment that says what the file is for"
        without = re.sub(r"/\*.*?\*/|\"(?:\\.|[^\"\\\n])*\"", "", source.text, flags=re.S)
        if "//" in without:
            yield source.path, 1, "line comments are /* */"
    for source in tree.values():
        for number, line in enumerate(source.text.splitlines(), 1):
            if re.search(r"\b(TO" r"DO|FIX" r"ME|X" r"XX)\b", line):
                yield source.path, number, "unfinished"


def _is_mutable(statement):
    if re.match(r"(typedef|extern|enum|struct \w+$|union \w+$|_Static_assert|static_assert)\b",
                statement):
        return False
    head = statement.split("=")[0]
    if re.match(r"(static )?(inline )?(struct|enum|union)( \w+)?\s*$", head):
        return False
    if re.match(r"[^(]*\w\(", head):  # a prototype; a pointer to a function is `int (*f)(...)`
        return False
    if re.search(r"\*\s*(?!const\b)\w+\s*(\[[^]]*\]\s*)*$", head):
        return True
    if re.search(r"\(\s*\*\s*(?!const\b)\w+", head) and "=" in statement:
        return True
    return "const" not in head and bool(re.search(r"\w+\s+\*?\w+", head))


def mutable_state(tree):
    """Nothing that changes lives outside an object, but for the list above."""
    for source in tree.c_files():
        allowed = MUTABLE.get(source.path, set())
        found = [(line, text) for line, text in source.top_level() if _is_mutable(text)]
        found += [(line, match.group(0)) for line, match in source.find(
            r"(?m)^[ ]+(?:static|_Thread_local)\s[^;=({]*[;=]") if "const" not in match.group(0)]
        for line, text in found:
            name = re.sub(r"\[.*", "", text.split("=")[0]).split()[-1].lstrip("*")
            if name not in allowed:
                yield source.path, line, f"mutable state: {text[:60]}"


def packet_bytes(tree):
    """Bytes of packets are indexed in base and wire only."""
    for source in tree.c_files():
        if source.room in ("turn", "net"):
            for line, match in source.find(r"(->|\.)p\["):
                yield source.path, line, "packet bytes are wire's to index"


def calls(tree):
    """Text, heap and time each leave by one door."""
    for source in tree.c_files():
        for names, places in CALLS.items():
            if _under(source.path, places):
                continue
            for line, match in source.find(rf"(?<![\w.>])({names})\s*\("):
                yield source.path, line, f"{match.group(1)}() is not for this file"


def constant_time(tree):
    """Where secrets are compared there is no memcmp."""
    for source in tree.c_files():
        if source.room == "turn" or source.path == "relay/wire/stun_auth.c":
            for line, _ in source.find(r"\b(memcmp|strcmp|strncmp|bcmp)\s*\("):
                yield source.path, line, "not constant time"


def top_level(tree):
    """The top of the tree stays as it is."""
    names = {path.split("/")[0] for path in list(tree) + list(tree.folders)}
    for name in sorted(names):
        if name not in TOP_LEVEL and not name.startswith("."):
            yield name, 0, "does not belong at the top level"


def machine_paths(tree):
    """Nothing of the machine it was written on."""
    for source in tree.values():
        for number, line in enumerate(source.text.splitlines(), 1):
            if re.search(r"(?<![\w.])/(work|home|root)/", line):
                yield source.path, number, "path of a machine"


def rooms_documented(tree):
    """relay/README.md lists the rooms that exist, no more and no fewer."""
    text = tree["relay/README.md"].text if "relay/README.md" in tree else ""
    table = text.split("| room |")[1].split("\n\n")[0] if "| room |" in text else ""
    listed = set(re.findall(r"(?m)^\| (\w+) \|", table))
    exist = {source.room for source in tree.c_files() if source.room}
    for room in sorted(listed ^ exist):
        yield "relay/README.md", 1, f"{room} is in only one of the room list and the tree"


def events_documented(tree):
    """Whatever the process may say is explained in its man page."""
    catalogue = tree.get("relay/base/events.h")
    page = tree["conf/drehkreuz.8"].text if "conf/drehkreuz.8" in tree else ""
    page = page.replace("\\-", "-")
    rows = re.findall(r'X\(EVENT_\w+, \d, "([^"]+)"', catalogue.text) if catalogue else []
    for name in rows:
        if not re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", page):
            yield "conf/drehkreuz.8", 1, f"event {name} is not explained"


ALL = [includes, libraries, private_headers, own_header_first, sizes, prose, mutable_state,
       packet_bytes, calls, constant_time, top_level, machine_paths, rooms_documented,
       events_documented]

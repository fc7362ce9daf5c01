"""The machine that a result belongs to."""

import os
import platform
import re
import shutil
import subprocess
import time
from pathlib import Path


def _first(path, pattern):
    try:
        found = re.search(pattern, Path(path).read_text(), re.M)
        return found[1].strip() if found else None
    except OSError:
        return None


def _said(argv, pattern):
    """The version that a program says it is."""
    if not argv[0]:
        return None
    run = subprocess.run(argv, capture_output=True, text=True)
    found = re.search(pattern, run.stdout + run.stderr)
    return found[1] if found else None


def _mitigations():
    """Of the processor's flaws that it has: {name: what is done}."""
    found = {}
    for path in sorted(Path("/sys/devices/system/cpu/vulnerabilities").glob("*")):
        text = path.read_text().strip()
        if text != "Not affected":
            found[path.name] = text
    return found


def _away(seconds=2.0):
    """What the hypervisor and others take from a loop that does nothing."""
    begin = last = time.perf_counter()
    lost = longest = 0.0
    while last < begin + seconds:
        now = time.perf_counter()
        if now - last > 1e-4:
            lost += now - last
            longest = max(longest, now - last)
        last = now
    return {"share": 100 * lost / seconds, "longest_ms": 1000 * longest}


def describe():
    return {
        "away": _away(),
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
        "kernel": platform.release(),
        "processor": _first("/proc/cpuinfo", r"^model name\s*:\s*(.*)$"),
        "processors": os.cpu_count(),
        "hypervisor": _said([shutil.which("systemd-detect-virt"), "--vm"], r"(\S+)"),
        "memory_mb": int(_first("/proc/meminfo", r"^MemTotal:\s*(\d+)") or 0) // 1024,
        "mitigations": _mitigations(),
        "coturn": _said([shutil.which("turnserver"), "--version"], r"(\d[\d.]+)"),
        "openssl": _said([shutil.which("openssl"), "version"], r"OpenSSL (\S+)"),
        "COTURN_FLAGS": os.environ.get("COTURN_FLAGS"),
        "load_average": os.getloadavg()[0],
    }

"""A Nextcloud of which there is only the command occ (occ.php), owned by somebody who is not root.
"""

import json
import os
import pwd
import shutil
import tempfile
from pathlib import Path

OWNER = "nobody"


class Occ:
    def __init__(self, executable=True):
        self.dir = Path(tempfile.mkdtemp(prefix="nextcloud"))
        self.dir.chmod(0o755)
        self.path = self.dir / "occ"
        shutil.copy(Path(__file__).with_suffix(".php"), self.path)
        self.path.chmod(0o755 if executable else 0o644)
        self.config = self.dir / "config"
        self.config.mkdir()
        (self.config / "config.php").write_text("<?php\n")
        (self.config / "calls").write_text("")
        self.set()
        owner = pwd.getpwnam(OWNER)
        for path in (self.config, *self.config.iterdir()):
            os.chown(path, owner.pw_uid, owner.pw_gid)

    def set(self, turn=(), stun=(), signaling=(), **more):
        """turn: (schemes, server, secret, protocols); signaling: URLs."""
        rows = [dict(zip(("schemes", "server", "secret", "protocols"), row)) for row in turn]
        servers = {"servers": [{"server": url, "verify": True} for url in signaling],
                   "secret": "of the backend"} if signaling else []
        state = {"turn": rows, "stun": list(stun), "signaling": servers} | more
        (self.config / "state.json").write_text(json.dumps(state))

    def state(self):
        return json.loads((self.config / "state.json").read_text())

    def turn(self):
        return [tuple(row[key] for key in ("schemes", "server", "secret", "protocols"))
                for row in self.state()["turn"]]

    def calls(self):
        """Since the last look: (uid, groups, words)."""
        lines = (self.config / "calls").read_text().splitlines()
        (self.config / "calls").write_text("")
        return [json.loads(line) for line in lines]

    def close(self):
        shutil.rmtree(self.dir, ignore_errors=True)

"""The users that the servers of the tests know."""

from client import Credentials
from stun import timed_password
from support.server import SECRET

ALICE = Credentials("alice", "correct horse battery")
BOB = Credentials("bob", "staple of the other kind")
USERS = [{"name": c.user, "password": c.password} for c in (ALICE, BOB)]


def timed(server, name=":someone", ttl=86400, secret=SECRET):
    """A time-limited credential; name is what follows the expiry, colon included."""
    user = f"{server.now() + ttl}{name}"
    return Credentials(user, timed_password(secret, user))

"""Runs inside a namespace: one aioice connection that may use relay candidates only."""

import asyncio
import threading

from aioice import Candidate, Connection, TransportPolicy

from world import serve

# In a thread of its own: whoever is connected first still has to answer the other one's checks.
loop = asyncio.new_event_loop()
threading.Thread(target=loop.run_forever, daemon=True).start()
state = {}


def run(work):
    return asyncio.run_coroutine_threadsafe(work, loop).result()


def gather(controlling, server, port, user, password):
    connection = Connection(
        ice_controlling=controlling, turn_server=(server, port), turn_username=user,
        turn_password=password, turn_transport="udp", use_ipv6=False,
        transport_policy=TransportPolicy.RELAY)
    state["connection"] = connection
    run(connection.gather_candidates())
    return {
        "candidates": [candidate.to_sdp() for candidate in connection.local_candidates],
        "user": connection.local_username,
        "password": connection.local_password,
    }


async def _connect(remote):
    connection = state["connection"]
    for text in remote["candidates"]:
        await connection.add_remote_candidate(Candidate.from_sdp(text))
    await connection.add_remote_candidate(None)
    connection.remote_username = remote["user"]
    connection.remote_password = remote["password"]
    await connection.connect()


def connect(remote):
    run(asyncio.wait_for(_connect(remote), 20))
    return True


async def _exchange(name, other, count):
    connection = state["connection"]
    for number in range(count):
        await connection.send(f"{name} {number}".encode())
        await asyncio.sleep(0.005)
    got = [await asyncio.wait_for(connection.recv(), 5) for _ in range(count)]
    return [data.decode() for data in got] == [f"{other} {number}" for number in range(count)]


def exchange(name, other, count):
    return run(_exchange(name, other, count))


def close():
    run(state["connection"].close())
    return True


serve({"gather": gather, "connect": connect, "exchange": exchange, "close": close})

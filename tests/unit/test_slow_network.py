"""The proxy that makes loopback slow: nothing is lost or reordered, and everything takes its time."""

import random
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from benchmarks.slow_network import RETRANSMISSION_SECONDS, SEGMENT_BYTES, Distance, SlowNetwork


@pytest.fixture
def echo() -> Iterator[int]:
    """A port that sends everything back."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                while data := connection.recv(65_536):
                    connection.sendall(data)

        thread = threading.Thread(target=serve)
        thread.start()
        yield server.getsockname()[1]
        thread.join(5)


def receive(connection: socket.socket, length: int) -> bytes:
    data = b""
    while len(data) < length:
        data += connection.recv(65_536)
    return data


def test_a_round_trip_takes_twice_the_way_and_changes_no_byte(echo: int) -> None:
    data = random.Random(3).randbytes(300_000)
    with SlowNetwork(echo, Distance(0.05)) as network, socket.create_connection(("127.0.0.1", network.port)) as near:
        start = time.monotonic()
        near.sendall(b"x")
        assert receive(near, 1) == b"x"
        assert 0.1 <= time.monotonic() - start < 0.5
        start = time.monotonic()
        near.sendall(data)
        assert receive(near, len(data)) == data
        assert 0.1 <= time.monotonic() - start < 0.6, "what is on its way does not wait for what is before it"


def test_a_lost_segment_waits_for_its_retransmission() -> None:
    rng = random.Random(1)
    assert Distance(0.01, 0.0).delay(10**6, rng) == 0.01
    assert Distance(0.01, 1.0).delay(1, rng) == pytest.approx(0.03 + RETRANSMISSION_SECONDS)
    lost = sum(Distance(0.0, 0.01).delay(10 * SEGMENT_BYTES, rng) > 0 for _ in range(2_000))
    assert 130 < lost < 260, "ten segments are hit ten times as often as one"


def test_nobody_at_the_other_end() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        nobody = server.getsockname()[1]
    with SlowNetwork(nobody, Distance(0.0)) as network, socket.create_connection(("127.0.0.1", network.port)) as near:
        assert near.recv(1) == b""

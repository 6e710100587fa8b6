"""The stream to a container's guest: what arrives in parts, a guest that falls silent, one that is gone."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator

import pytest

from sandbox import WorkerLost
from sandbox.backends import docker


class Met(docker.DockerStream):
    """A stream whose guest has connected already."""

    def __init__(self, connection: socket.socket) -> None:
        self.name, self.rendezvous_path = "docker:met", None
        self._connection, self._rendezvous, self._buffer = connection, None, bytearray()
        docker.be_patient(connection)

    def _said(self) -> str:
        return ""


@pytest.fixture
def ends() -> Iterator[tuple[Met, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield Met(ours), theirs


def test_what_comes_in_parts_is_put_together(ends: tuple[Met, socket.socket]) -> None:
    stream, guest = ends

    def write() -> None:
        for part in (b"ab", b"cd", b"ef"):
            time.sleep(0.05)
            guest.send(part)

    writer = threading.Thread(target=write)
    writer.start()
    assert stream.receive(5, 10) == b"abcde" and stream.receive(1, 10) == b"f"
    writer.join()


def test_an_answer_that_takes_longer_than_one_wait_is_waited_for(ends: tuple[Met, socket.socket]) -> None:
    stream, guest = ends
    later = threading.Timer(docker.PATIENCE_S + 0.2, guest.send, [b"late"])
    later.start()
    assert stream.receive(4, 60) == b"late"
    later.join()


def test_a_silent_guest_is_lost_when_its_time_is_over(ends: tuple[Met, socket.socket]) -> None:
    stream, _ = ends
    with pytest.raises(WorkerLost, match="no answer in time"):
        stream.receive(1, 0.1)


def test_a_guest_that_is_gone_is_lost_at_once(ends: tuple[Met, socket.socket]) -> None:
    stream, guest = ends
    guest.close()
    with pytest.raises(WorkerLost, match="the container ended"):
        stream.receive(1, 3600)

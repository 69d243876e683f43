"""Loopback addresses: a block of 127.0.0.0/8 for each lab, so that labs run side by side.

A pod has an address of its own (`127.A.1.n`), as in a cluster; its application (`127.A.2.n`) and
the outbound listeners of its sidecar (`127.A.3.n`) have their own too, so that all of them can use
the ports they have in a cluster. Linux answers on the whole of 127.0.0.0/8.
"""

from __future__ import annotations

import errno
import random
import socket
from dataclasses import dataclass

from meshtui.lab.errors import LabError

_BLOCKS = range(16, 255)
_HOSTS = range(2, 255)
_GUARD_PORT = 15999
_PROBED = (9080, 15020, 15021, 15090)
GATEWAY_PORTS = (8080, 18080, 28080)
"""Many a machine has something on port 8080 of all addresses: the gateway takes another then."""


@dataclass(frozen=True, slots=True)
class PodAddress:
    ip: str
    app_ip: str
    outbound_ip: str


class AddressBlock:
    """The addresses of one lab; a bound socket keeps other labs off until `close`."""

    def __init__(self, block: int, guard: socket.socket) -> None:
        self._block = block
        self._guard = guard
        self._used: set[int] = set()
        self._next = _HOSTS.start

    def allocate(self) -> PodAddress:
        """An address that has not been used for long: late packets find nobody."""
        for _ in _HOSTS:
            number, self._next = self._next, self._next + 1
            if self._next not in _HOSTS:
                self._next = _HOSTS.start
            if number not in self._used:
                self._used.add(number)
                return PodAddress(*(f"127.{self._block}.{part}.{number}" for part in (1, 2, 3)))
        raise LabError("no free address: too many pods")

    def give_back(self, address: PodAddress) -> None:
        self._used.discard(int(address.ip.rsplit(".", 1)[1]))

    def gateway_port(self) -> int:
        """The first of the gateway's ports that can be had."""
        return next((p for p in GATEWAY_PORTS if _is_free(self._block, p)), GATEWAY_PORTS[0])

    def close(self) -> None:
        self._guard.close()


def free_block() -> AddressBlock:
    """A block no other lab uses; LabError where the machine does not let us have one."""
    for block in random.sample(_BLOCKS, len(_BLOCKS)):
        guard = _bind(f"127.{block}.1.1", _GUARD_PORT)
        if guard is not None:
            _probe(block)
            return AddressBlock(block, guard)
    raise LabError("no free block of loopback addresses")


def _bind(ip: str, port: int) -> socket.socket | None:
    guard = socket.socket()
    try:
        guard.bind((ip, port))
    except OSError as error:
        guard.close()
        if error.errno == errno.EADDRINUSE:
            return None
        raise LabError(f"cannot listen on {ip}: the lab needs Linux's loopback network") from error
    guard.listen(1)
    return guard


def _probe(block: int) -> None:
    """A program that listens on all addresses would take a port from every pod."""
    for port in _PROBED:
        if not _is_free(block, port):
            raise LabError(
                f"port {port} is taken on all addresses by another program; stop it first"
            )


def _is_free(block: int, port: int) -> bool:
    probe = _bind(f"127.{block}.1.1", port)
    if probe is not None:
        probe.close()
    return probe is not None

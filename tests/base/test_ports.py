"""Ports that are free, and below those the kernel hands out."""

import socket

from hypothesis import given, settings
from hypothesis import strategies as st

from tailguard.base.ports import LOOPBACK, free_port, free_ports


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 20))
def test_the_ports_differ_and_can_be_bound(count):
    ports = free_ports(count)
    assert len(set(ports)) == count
    assert all(10_000 <= port < 32_768 for port in ports)


def test_twins_are_free_as_well():
    ports = free_ports(5, twin_offset=10_000)
    assert len({*ports, *(port + 10_000 for port in ports)}) == 10
    assert max(ports) + 10_000 < 32_768


def test_a_port_in_use_is_not_given(monkeypatch):
    with socket.socket() as taken:
        port = free_port()
        taken.bind((LOOPBACK, port))
        monkeypatch.setattr("tailguard.base.ports.random.sample", lambda *_: [port, port + 1, port + 2])
        assert free_ports(1)[0] != port

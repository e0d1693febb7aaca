"""Faults: a proxy on the wire, and what chaos makes with it."""

from tailguard.faults.feed_switch import cut_off, switched
from tailguard.faults.proxy import FaultProxy

__all__ = ["FaultProxy", "cut_off", "switched"]

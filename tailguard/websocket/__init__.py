"""WebSockets: subscribers in a process of their own, and when the last of them had an event."""

from tailguard.websocket.audience import at_path
from tailguard.websocket.messages import Feed, Receipt, Totals
from tailguard.websocket.subscribers import BroadcastLostError, Subscribers

__all__ = ["BroadcastLostError", "Feed", "Receipt", "Subscribers", "Totals", "at_path"]

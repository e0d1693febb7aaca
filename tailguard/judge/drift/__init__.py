"""Whether something grows slowly: memory, connections, latency over hours."""

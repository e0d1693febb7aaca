"""HTTP/1.1 on an event loop: kept connections, and answers that are read as they arrive."""

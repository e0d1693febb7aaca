"""The platform over HTTP and WebSocket: an ASGI app that serves the services of `deltacrown`."""

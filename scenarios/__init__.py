"""One user journey a file; run in-process, or by `locust -f scenarios`."""

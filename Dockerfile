# The suite with its embedded servers: `docker build -t tailguard:latest .`, then for example
#   docker run --rm -v tailguard-runs:/runs tailguard:latest tailguard run
#   docker run --rm -v tailguard-runs:/runs tailguard:latest locust -f scenarios --headless -u 20 -t 30s
# docs/how-to/distributed.md has master and workers.
FROM python:3.11-slim

# PostgreSQL does not start as root. By number, so that Kubernetes can see that it is not root.
RUN useradd --uid 10001 --create-home tailguard \
    && install --directory --owner=tailguard --group=tailguard /runs

WORKDIR /tailguard
COPY . .
# Editable: locust loads the files in ./scenarios, and a worker's hash is that of the very files it plays.
RUN pip install --no-cache-dir --editable ".[all]"

USER 10001
ENV TAILGUARD_RUNS_DIR=/runs \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
VOLUME /runs
CMD ["tailguard", "--help"]

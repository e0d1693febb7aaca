"""Dockerfile, compose.yaml and the Kubernetes manifests: one image, one user, and words that locust and we know."""

import argparse
import fnmatch
import re
import shlex

import pytest
import yaml

from tailguard.locust.options import add_options
from tests.support.locust_runs import ROOT

IMAGE = "tailguard:latest"
# Of locust's own options, those that master and workers are started with here.
LOCUSTS = {"-f", "--master", "--worker", "--expect-workers", "--headless", "-u", "-r", "-t", "--host"} | {
    "--master-host",
    "--master-bind-host",
}


def dockerfile():
    return (ROOT / "Dockerfile").read_text(encoding="utf-8")


def manifests():
    for path in sorted((ROOT / "docs" / "kubernetes").glob("*.yaml")):
        yield from yaml.safe_load_all(path.read_text(encoding="utf-8"))


def compose():
    return yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))


def pods():
    return [each["spec"]["template"]["spec"] for each in manifests() if each["kind"] == "Job"]


def commands():
    for service in compose()["services"].values():
        yield shlex.split(re.sub(r"\$\{[^}]*\}", "x", service["command"]))
    for pod in pods():
        [container] = pod["containers"]
        yield [*container["command"], *container.get("args", ())]


def our_options():
    parser = argparse.ArgumentParser()
    parser.add_argument = lambda *words, **_: known.update(words)
    known = set()
    add_options(parser)
    return known


def test_compose_and_kubernetes_run_the_image_that_the_dockerfile_makes():
    services = compose()["services"]
    assert {service["image"] for service in services.values()} == {IMAGE}
    assert {service["build"] for service in services.values()} == {"."}
    assert {pod["containers"][0]["image"] for pod in pods()} == {IMAGE}
    assert f"docker build -t {IMAGE} ." in dockerfile()


def test_the_image_runs_as_a_user_that_postgresql_accepts_and_kubernetes_names():
    [user] = re.findall(r"^USER (\d+)$", dockerfile(), re.MULTILINE)
    assert int(user) > 0
    assert f"useradd --uid {user} " in dockerfile()
    contexts = [pod["securityContext"] for pod in pods()]
    assert {context["runAsUser"] for context in contexts} == {int(user)}
    assert all(context["runAsNonRoot"] for context in contexts)


@pytest.mark.parametrize("words", list(commands()), ids=lambda words: " ".join(words[:4]))
def test_every_word_of_a_command_is_known(words):
    assert words[:3] == ["locust", "-f", "scenarios"]
    options = {word.partition("=")[0] for word in words[1:] if word.startswith("-")}
    assert options <= LOCUSTS | our_options()


def test_a_master_that_listens_beyond_its_machine_shares_a_run_key_with_its_workers():
    assert len([words for words in commands() if "--master-bind-host=*" in words]) == 2
    keys = {str(service["environment"]["TAILGUARD_RUN_KEY"]) for service in compose()["services"].values()}
    assert keys == {"${TAILGUARD_RUN_KEY:?make one with openssl rand -hex 32}"}
    assert all(
        {"secretRef": {"name": "tailguard-run-key"}} in pod["containers"][0]["envFrom"] for pod in pods()
    )


def test_runs_are_written_to_the_volume_that_the_master_mounts():
    assert "TAILGUARD_RUNS_DIR=/runs" in dockerfile()
    assert "runs:/runs" in compose()["services"]["master"]["volumes"]
    assert compose()["services"]["master"]["volumes"][1].endswith(":/target:ro")
    mounts = [mount["mountPath"] for pod in pods() for mount in pod["containers"][0].get("volumeMounts", ())]
    assert {"/runs", "/target"} <= set(mounts)


def test_what_the_package_is_built_from_is_not_left_out_of_the_image():
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    ignored = [line for line in lines if line and not line.startswith("#")]
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    [packages] = re.findall(r"^packages = \[(.*)\]$", project, re.MULTILINE)[:1]
    needed = [*re.findall(r'"(\w+)"', packages), "pyproject.toml", "README.md", "LICENSE", "docs"]
    left_out = [name for name in needed for pattern in ignored if fnmatch.fnmatch(name, pattern)]
    assert left_out == []
    assert {".git", ".venv", "runs"} <= set(ignored)  # large, or with secrets of yours

"""Where a run was measured: CPU, memory, kernel, Python, packages, commit, clocks. What cannot be found is None."""

import os
import platform
import re
import subprocess
import time
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

import psutil

from tailguard.record.environment import (
    Clocks,
    Cpu,
    Environment,
    GitState,
    Placement,
    PostgresServer,
    S3Server,
)

# Git answers within milliseconds; a repository on a sleeping network disk must not hold a run up.
GIT_TIMEOUT_S = 2.0
DISTRIBUTION = "tailguard"

# How a distribution's metadata say that a requirement is one of its extras'.
_EXTRA = re.compile(r"""\s*(?:and\s+)?extra == ['"]([\w-]+)['"]""")


def describe_environment(
    code: Path,
    *,
    placement: Placement | None = None,
    postgres: PostgresServer | None = None,
    s3: S3Server | None = None,
) -> Environment:
    """Return what the record says of this machine, of the measured code in `code`, and of the servers of a run."""
    return Environment(
        cpu=Cpu(
            model=_cpu_model(),
            logical=psutil.cpu_count(logical=True),
            physical=psutil.cpu_count(logical=False),
        ),
        memory_bytes=psutil.virtual_memory().total,
        kernel=f"{platform.system()} {platform.release()}",
        os=_operating_system(),
        python=f"{platform.python_implementation()} {platform.python_version()}",
        packages=package_versions(),
        git=git_state(code),
        clock=Clocks(wall_ns=time.time_ns(), monotonic_ns=time.monotonic_ns()),
        placement=placement,
        postgres=postgres,
        s3=s3,
    )


def user_and_host() -> str:
    """Return who runs this process, and where: `me@laptop`. Nothing records it unasked."""
    return f"{psutil.Process().username()}@{platform.node()}"


def package_versions(distribution: str = DISTRIBUTION) -> dict[str, str]:
    """Return the installed version of `distribution` and of what it requires directly; those missing are left out."""
    found = {name: _version(name) for name in [distribution, *sorted(requirements(distribution))]}
    return {name: version for name, version in found.items() if version is not None}


def requirements(distribution: str = DISTRIBUTION) -> dict[str, str]:
    """Return what a distribution requires directly, by name; of its extras, but for `dev`, what is installed."""
    try:
        lines = metadata.requires(distribution) or []
    except metadata.PackageNotFoundError:
        return {}
    found = {}
    for line in lines:
        name, extra = re.split(r"[^\w.-]", line, maxsplit=1)[0], _EXTRA.search(line)
        if extra is None or (extra[1] != "dev" and name != distribution and _version(name) is not None):
            found[name] = _EXTRA.sub("", line).rstrip(" ;")
    return found


def git_state(folder: Path) -> GitState:
    """Return the commit of the work tree around `folder` and whether it has changes; None if there is none."""
    commit = _git(folder, ["rev-parse", "HEAD"])
    changes = None if commit is None else _git(folder, ["status", "--porcelain", "--untracked-files=no"])
    prefix = None if commit is None else _git(folder, ["rev-parse", "--show-prefix"])
    return GitState(commit=commit, dirty=None if changes is None else bool(changes), folder=prefix or "")


def _git(folder: Path, words: Sequence[str]) -> str | None:
    # No optional locks: reading the state must not disturb somebody who commits at the same time.
    command = ["git", "--no-optional-locks", "-C", str(folder), *words]
    try:
        answer = subprocess.run(
            command,
            capture_output=True,
            timeout=GIT_TIMEOUT_S,
            check=True,
            encoding="utf-8",
            errors="replace",
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return answer.stdout.strip()


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _cpu_model() -> str | None:
    """The processor's name: from /proc on Linux, from sysctl on macOS, else what Python knows."""
    if os.name == "posix" and platform.system() == "Darwin":
        return _first_line(["sysctl", "-n", "machdep.cpu.brand_string"]) or platform.processor() or None
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        text = ""
    found = re.search(r"^(?:model name|Model|Hardware)\s*:\s*(.+)$", text, re.MULTILINE)
    return found[1].strip() if found else platform.processor() or platform.machine() or None


def _first_line(command: Sequence[str]) -> str | None:
    try:
        answer = subprocess.run(
            list(command), capture_output=True, timeout=GIT_TIMEOUT_S, check=True, encoding="utf-8"
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return answer.stdout.strip() or None


def _operating_system() -> str:
    if platform.system() == "Darwin":
        return f"macOS {platform.mac_ver()[0]}"
    try:
        return platform.freedesktop_os_release().get("PRETTY_NAME", platform.system())
    except OSError:  # a container without /etc/os-release
        return platform.system()

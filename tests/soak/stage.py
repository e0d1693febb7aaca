"""A program that starts `tailguard` in processes that need not import anything first: a hundred would take minutes.

It reads lines from its input, each a JSON list of the words of one, forks, and prints the process's number. What each
one prints goes to NUMBER.log in its folder.
"""

import json
import os
import signal
import sys

import pandas as pd  # noqa: F401  # what a soak loads while it begins
import pyarrow.parquet  # noqa: F401  # likewise

import tailguard.compare.verdicts
import tailguard.pipeline.finish
import tailguard.soak.session  # noqa: F401  # likewise
from tailguard.cli.main import run_cli


def play(words: list[str]) -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    log = os.open(f"{os.getpid()}.log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for stream in (1, 2):
        os.dup2(log, stream)
    sys.stdin.close()
    code = 70
    try:
        code = run_cli(words)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for them
for line in sys.stdin:
    pid = os.fork()
    if pid == 0:
        play(json.loads(line))
    print(pid, flush=True)

"""Broadcasts of one run over three workers, with a spectator that is late and one that misses events."""

import subprocess
from collections import Counter

import numpy as np
import pytest

from perf.offer import rows_of
from reference.seed import Seeded, SeedSize
from tailguard.locust.master.master import SPARE_SHARDS
from tailguard.record.samples import ERROR, OK
from tests.support.locust_runs import ROOT, TAILGUARD, processes, served_platform
from tests.support.room_proxy import room_proxy

pytestmark = pytest.mark.proof
WORKERS, SPECTATORS = 3, 50
LATE, MISSING = 10, 20  # two spectators; whose workers they are is not known, and does not matter
LATE_S = 0.3
MISSED = 12  # the event of each worker's that one spectator misses: after the warm-up


def shard_of():
    """Shard by match id: each worker submits the results of matches of its own."""
    watched = rows_of(Seeded.of(SeedSize())).watched
    return {match: number % (WORKERS + SPARE_SHARDS) for number, (match, _) in enumerate(watched)}


def dropping():
    shards, seen = shard_of(), Counter()

    def drops(spectator, event):
        if spectator != MISSING:
            return False
        shard = shards[event["match_id"]]
        seen[shard] += 1
        return seen[shard] == MISSED

    return drops


def recomputed(raw):
    """(intended, started, ended, outcome) of all workers' raw files, by the plainest way there is."""
    receipts = [np.load(path) for path in sorted(raw.glob("*-receipts.npy"))]
    ends = [{int(each["id"]): each for each in rows} for rows in receipts]
    rows, raw_lost = [], 0
    for own, path in zip(ends, sorted(raw.glob("*-websocket_broadcast.npy")), strict=True):
        event_at = {int(each["last_ns"]): number for number, each in own.items()}
        for intended, started, ended, _, outcome in np.load(path).tolist():
            raw_lost += outcome == ERROR
            last, state = ended, outcome
            if outcome == OK:
                seen = [each.get(event_at[ended]) for each in ends]
                whole = all(each is not None and each["count"] == SPECTATORS for each in seen)
                last = max(int(each["last_ns"]) for each in seen if each["count"] == SPECTATORS)
                state = OK if whole else ERROR
            rows.append((intended, started, last, state))
    return sorted(rows), raw_lost


def test_a_broadcast_ends_at_the_last_spectator_of_any_worker_and_one_missed_anywhere_is_lost(
    tmp_path, capsys
):
    raw, objectives = tmp_path / "raw", tmp_path / "objectives.toml"
    objectives.write_text(
        '[scenarios.websocket_broadcast]\nstep = "broadcast"\np95 = "< 20s"\n', encoding="utf-8"
    )
    with (
        served_platform() as (url, environment),
        room_proxy(url, {LATE: LATE_S}, dropping()) as address,
        processes(tmp_path, address, environment) as locust,
    ):
        words = ("--tailguard-keep-raw", str(raw), "--tailguard-objectives", str(objectives))
        master = locust.master(
            "-u", "6", "-r", "6", "-t", "20s", *words, "WebsocketBroadcastUser", workers=WORKERS
        )
        for number in range(WORKERS):
            locust.worker(f"worker{number}")
        locust.ends(master, "master", 0, 75)
        run = locust.run()
    found, samples = run.record.locust.broadcasts["websocket_broadcast"], run.samples()
    merged = samples["websocket_broadcast"]
    rows, raw_lost = recomputed(raw)
    columns = (merged.intended_ns, merged.started_ns, merged.ended_ns, merged.outcome)
    assert sorted(zip(*(column.tolist() for column in columns), strict=True)) == rows
    # Each worker's own spectators were told apart; what others' missed, only the join sees.
    assert raw_lost == 1
    assert run.record.scenarios["websocket_broadcast"].errors == {"BroadcastLostError": WORKERS}
    assert found.lost_elsewhere == WORKERS - 1
    assert list(found.spectators.values()) == [SPECTATORS] * WORKERS
    # Every broadcast waits for the late spectator, though two of three workers had all of theirs at once.
    assert merged.service_ms("broadcast").min() >= LATE_S * 1000
    assert found.later > 0.5 * found.joined
    alone = np.concatenate([np.load(path) for path in raw.glob("*-websocket_broadcast.npy")])
    with capsys.disabled():
        print(f"\nmedian ms: each worker alone {np.median(alone[:, 2] - alone[:, 1]) / 1e6:.1f}, "
              f"merged {np.median(merged.service_ms('broadcast')):.1f}; {found}")  # fmt: skip
    words = [TAILGUARD, "verify", str(run.folder)]
    verified = subprocess.run(words, capture_output=True, check=False, cwd=ROOT)
    assert verified.returncode == 0, verified.stdout

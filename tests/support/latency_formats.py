"""The same latencies in the files of many tools, as each of them writes."""

import json

import numpy as np
import pandas as pd


def write_csv(path, values, **columns):
    """A CSV file with a `latency_ms` column."""
    pd.DataFrame({"latency_ms": values, **columns}).to_csv(path, index=False)
    return path


def k6_json(path, values):
    """k6's --out json: a metric's declaration, then points of several metrics."""
    rows = [{"type": "Metric", "metric": "http_req_duration", "data": {"type": "trend", "contains": "time"}}]
    for i, value in enumerate(values):
        point = {"time": f"2026-01-01T00:{i // 60:02}:{i % 60:02}.000000+01:00", "value": value, "tags": {}}
        rows += [
            {"type": "Point", "metric": name, "data": point} for name in ("http_reqs", "http_req_duration")
        ]
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")


def vegeta_json(path, values):
    """vegeta encode --to json: nanoseconds, with failures."""
    rows = [
        {
            "attack": "",
            "seq": i,
            "code": 200,
            "timestamp": f"2026-01-01T00:{i // 60:02}:{i % 60:02}.123456789Z",
            "latency": int(value * 1e6),
            "error": "",
        }
        for i, value in enumerate(values)
    ]
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")


def jtl(path, values):
    """JMeter's CSV."""
    table = pd.DataFrame({"timeStamp": np.arange(len(values)) * 10 + 1_700_000_000_000, "elapsed": values})
    table["label"], table["success"] = "join", "true"
    table.to_csv(path, index=False)


def k6_csv(path, values):
    """k6's --out csv, two metrics in turn."""
    n = len(values)
    names = np.tile(["http_req_duration", "http_req_waiting"], n)
    pd.DataFrame(
        {"metric_name": names, "timestamp": np.repeat(np.arange(n), 2), "metric_value": np.repeat(values, 2)}
    ).to_csv(path, index=False)


# Those that say no unit.
BARE = {"array.npy", "arrays.npz", "numbers.txt", "numbers.csv", "array.json"}

FORMATS = {
    "ours.parquet": lambda p, v: pd.DataFrame({"response_ms": v}).to_parquet(p),
    "plain.csv": write_csv,
    "jmeter.jtl": jtl,
    "k6.json": k6_json,
    "k6.csv": k6_csv,
    "vegeta.json": vegeta_json,
    "array.npy": np.save,
    "arrays.npz": np.savez,
    "numbers.txt": lambda p, v: p.write_text("\n".join(map(str, v)), encoding="utf-8"),
    "numbers.csv": lambda p, v: p.write_text("\n".join(map(str, v)), encoding="utf-8"),
    "array.json": lambda p, v: p.write_text(json.dumps(list(v)), encoding="utf-8"),
    "objects.json": lambda p, v: p.write_text(json.dumps([{"duration_ms": x} for x in v]), encoding="utf-8"),
}

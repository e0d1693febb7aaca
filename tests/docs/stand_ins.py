"""Programs that the guides name and that need not be here: each writes the file that the real one would write."""

import json
import stat
import sys
from pathlib import Path

_ASKED = {
    "method": "GET",
    "name": "http://127.0.0.1:8000/items",
    "expected_response": "true",
    "status": "200",
}
_K6 = [{"type": "Metric", "metric": "http_req_duration", "data": {"contains": "time"}}] + [
    {
        "type": "Point",
        "metric": "http_req_duration",
        "data": {"time": f"2026-01-01T00:00:{i % 60:02}Z", "value": 20.0 + i % 7, "tags": _ASKED},
    }
    for i in range(600)
]
_JTL = ["timeStamp,elapsed,label,success"] + [
    f"{1_700_000_000_000 + i},{20 + i % 7},GET /cart,true" for i in range(600)
]
_HYPERFINE = {
    "results": [
        {"command": "sleep 0.02", "times": [0.02 + i / 10_000 for i in range(10)], "exit_codes": [0] * 10}
    ]
}
WRITTEN = {
    "k6": "\n".join(map(json.dumps, _K6)),
    "jmeter": "\n".join(_JTL) + "\n",
    "hyperfine": json.dumps(_HYPERFINE),
}


def put(folder: Path, port: str) -> None:
    """Write the programs into a folder of the PATH. Each writes the word of its line that names results."""
    folder.mkdir()
    for name, text in WRITTEN.items():
        program = folder / name
        program.write_text(
            f"#!{sys.executable}\nimport pathlib, sys\n"
            "[to] = [word.removeprefix('json=') for word in sys.argv if 'results' in word]\n"
            f"pathlib.Path(to).write_text({text.replace('127.0.0.1:8000', f'127.0.0.1:{port}')!r})\n",
            encoding="utf-8",
        )
        program.chmod(program.stat().st_mode | stat.S_IXUSR)

"""A run under faults as run.json has it: one fault that was felt, one that outlasts the samples, one after them."""

START_NS = 5_000_000_000
RECORD = {
    "scenarios": {
        "certificate_migration": {"title": "Certificate migration", "counters": {"cert.s3.retries": 7}}
    },
    "chaos": {
        "recover_s": 5.0,
        "ordered": ["S3 killed", "S3 down"],
        "windows": [
            {
                "label": "S3 killed",
                "began_ns": START_NS + 2 * 10**9,
                "ended_ns": START_NS + 4 * 10**9,
                "note": "",
            },
            {
                "label": "S3 down",
                "began_ns": START_NS + 8 * 10**9,
                "ended_ns": START_NS + 30 * 10**9,
                "note": "",
            },
            {
                "label": "too late",
                "began_ns": START_NS + 40 * 10**9,
                "ended_ns": START_NS + 50 * 10**9,
                "note": "",
            },
        ],
        "recoveries": [
            {
                "label": "S3 killed",
                "scenario": "certificate_migration",
                "samples": 42,
                "errors": 3,
                "retried": 2,
                "recovered_s": 1.5,
            },
            {
                "label": "S3 down",
                "scenario": "registration",
                "samples": 0,
                "errors": 0,
                "retried": 0,
                "recovered_s": 0.0,
            },
        ],
    },
}

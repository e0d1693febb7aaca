"""The tables of the configuration as types. What a value means, and which ones a key takes, profiles.toml says."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DatabaseOptions:
    """[database]: "" is unset."""

    dsn: str
    binaries: str
    schema: str


@dataclass(frozen=True, slots=True)
class S3Options:
    """[s3]: "" is unset."""

    endpoint: str
    bucket: str
    region: str


@dataclass(frozen=True, slots=True)
class LoadOptions:
    """[load], and what a scenario's own table lays over it.

    `steps` are texts such as "50/s for 10s"; `think` is one such as "1s to 3s", "" for nothing. `recording` is a file
    of requests whose times are the schedule, `speed` times as fast; "" for none.
    """

    schedule: str
    rate_per_s: float
    to_rate_per_s: float
    steps: list[str]
    recording: str
    speed: float
    workers: int
    think: str
    warmup: int
    min_samples: int
    max_samples: int
    max_seconds: float
    slice_s: float


@dataclass(frozen=True, slots=True)
class SloOptions:
    """[slo]: "" and None leave it to the objectives file."""

    dependence: str
    confidence: float | None


@dataclass(frozen=True, slots=True)
class MigrationOptions:
    """[migrations]: "" is unset; `live_rows` 0 means no proof under load."""

    run: bool
    folder: str
    fixture: str
    repeats: int
    live_rows: int


@dataclass(frozen=True, slots=True)
class LimitOptions:
    """[limits]: how long what hangs is waited for, in s."""

    prepare_s: float
    check_s: float
    build_s: float


@dataclass(frozen=True, slots=True)
class ChaosOptions:
    """[chaos]: `faults` are texts such as "s3_errors=0.02:5"."""

    faults: list[str]
    calm_s: float
    recover_s: float


@dataclass(frozen=True, slots=True)
class SoakOptions:
    """[soak]: `windows` and `drift` are texts such as "p95 <= 250ms over 5m" and "memory < 1MB/h"; "" is unset."""

    name: str
    segment_s: float
    lease: str
    ttl_s: float
    windows: list[str]
    drift: list[str]


@dataclass(frozen=True, slots=True)
class PlacementOptions:
    """[placement]."""

    pin: bool


@dataclass(frozen=True, slots=True)
class TargetOptions:
    """[target]: "" means that your service does not run already. The suite reads how to call it."""

    url: str


@dataclass(frozen=True, slots=True)
class Options:
    """Every key of Tailguard's own, those of the top level first."""

    seed: int
    runs_dir: str
    scenarios: list[str]
    platform: str
    objectives: str
    strict: bool
    mix: str
    database: DatabaseOptions
    s3: S3Options
    load: LoadOptions
    slo: SloOptions
    migrations: MigrationOptions
    limits: LimitOptions
    chaos: ChaosOptions
    soak: SoakOptions
    placement: PlacementOptions
    target: TargetOptions

"""The two sides of a duet, from what the user asked for to processes that can be started."""

import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tailguard.base.errors import UsageError
from tailguard.base.processes import Watchdog
from tailguard.config.merge import Config
from tailguard.config.suite_table import SuiteTable
from tailguard.duet.blocks import Side
from tailguard.duet.interpreters import python_for
from tailguard.duet.order import SideOrder, settings_of
from tailguard.duet.shared_servers import SIDES, SharedServers, schema_of
from tailguard.duet.side_spec import SideSpec
from tailguard.duet.sources import Source, copy_files, snapshot, unpack_ref, working_tree
from tailguard.record.duet import SideName
from tailguard.record.environment import Placement

log = logging.getLogger(__name__)

PRODUCT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, slots=True)
class Instrument:
    """What measures both sides: a copy of Tailguard, and one of the suite that `file` describes.

    `project` is the folder that the suite was copied from, `below` where that lies in a side's own folder.
    """

    product: Path
    file: Path
    scenarios: tuple[str, ...]
    project: Path
    below: Path


@dataclass(frozen=True, slots=True)
class CodeSide:
    """A side whose code is in a temporary folder, as `spec` asks for it; `words` are what its Python runs."""

    name: SideName
    spec: SideSpec
    source: Source
    python: Path
    instrument: Instrument
    words: tuple[str, ...] = ("-m", "tailguard.duet.block")

    @property
    def label(self) -> str:
        """What it is, for people; values of variables may be secrets, but for our own."""
        given = [
            f"{key}={value if key.startswith('TAILGUARD_') else '***'}"
            for key, value in self.spec.environ.items()
        ]
        platform = [f"platform {self.spec.platform}"] if self.spec.platform else []
        settings = [f"{key}={value}" for key, value in self.spec.settings.items()]
        return ", ".join([self.source.label, *platform, *settings, *given])

    def ready(self, config: Config, servers: SharedServers, placement: Placement, identity: str) -> Side:
        """Return the side as the engine starts it."""
        settings = settings_of(config) | {
            "database.dsn": servers.dsn,
            "database.schema": schema_of(identity, self.name),
            "s3.endpoint": servers.s3_endpoint,
            "target.url": "",  # both sides would be that one server
        }
        settings |= self.spec.settings
        if self.spec.platform:
            settings["platform"] = self.spec.platform
        return Side(
            name=self.name,
            label=self.label,
            commit=self.source.commit,
            command=(str(self.python), *self.words),
            environ={**servers.environ, **self.spec.environ, **self._imports()},
            cwd=self.source.folder,
            order=SideOrder(
                profile=config.profile,
                settings=settings,
                config_file=str(self.instrument.file),
                scenarios=self.instrument.scenarios,
                placement=placement,
                folder=str(self.source.folder),
                root=str(self.source.folder / self.instrument.below),
                project=str(self.instrument.project),
            ),
        )

    def _imports(self) -> dict[str, str]:
        """Say where its process, and those that it starts, import from: the instrument first, then the side's folder.

        The folder that a process is started in comes not before them. Copies are compiled once, not in every block.
        """
        top = self.source.folder
        folders = [each / src for each in (top / self.instrument.below, top) for src in ("", "src")]
        own = dict.fromkeys([self.instrument.product, self.instrument.file.parent, *folders])
        given = self.spec.environ.get("PYTHONPATH", os.environ.get("PYTHONPATH", ""))
        paths = [*map(str, own), *(part for part in given.split(os.pathsep) if part)]
        return {"PYTHONPATH": os.pathsep.join(paths), "PYTHONSAFEPATH": "1", "PYTHONDONTWRITEBYTECODE": ""}


@contextmanager
def open_sides(suite: SuiteTable, specs: Mapping[SideName, SideSpec]) -> Iterator[list[CodeSide]]:
    """Copy and install what the sides need, in the order of `SIDES`; the copies are gone at the end.

    Sides and instrument are copies, of a work tree too: what is edited meanwhile reaches none of them, and both sides
    lie in the same kind of place.
    """
    with ExitStack() as stack:
        instrument = instrument_of(suite, stack)
        yield [build_side(name, specs[name], instrument, stack) for name in SIDES]


def sides_from(
    baseline: SideSpec, candidate: SideSpec, environ: Mapping[str, str] = os.environ
) -> dict[SideName, SideSpec]:
    """Return both sides. Without a baseline of its own TAILGUARD_BASELINE names one: a folder that is there, or a ref.

    Raises UsageError if there is none and the candidate has nothing that the two could differ in.
    """
    named = environ.get("TAILGUARD_BASELINE", "")
    if not baseline.given and named and not candidate.server:
        baseline = SideSpec(folder=named) if Path(named).is_dir() else SideSpec(ref=named)
    elif not baseline.given and not (
        candidate.environ or candidate.settings or candidate.platform or candidate.server
    ):
        raise UsageError(
            "There is no baseline to compare with: give --baseline-ref (such as origin/main), --baseline-folder, "
            "--baseline-platform, --baseline-url or --baseline-command, or set TAILGUARD_BASELINE."
        )
    for side in (baseline, candidate):
        side.check()
    return dict(zip(SIDES, (baseline, candidate), strict=True))


def build_side(name: SideName, spec: SideSpec, instrument: Instrument, stack: ExitStack) -> CodeSide:
    """Copy and install what a side needs; the copy is gone when the stack is closed."""
    into = new_folder(name, stack)
    if spec.ref:
        source = unpack_ref(spec.ref, Path.cwd(), into)
    else:
        source = snapshot(working_tree(Path(spec.folder) if spec.folder else None), into)
    log.info("%s: %s", name, source.label)
    return CodeSide(name, spec, source, python_for(into, working_tree().folder), instrument)


def instrument_of(suite: SuiteTable, stack: ExitStack) -> Instrument:
    """Copy Tailguard and the suite: its own code, its files of objectives and profiles, its table."""
    product, copied = copied_product(stack), new_folder("suite", stack)
    named = [Path(name) for name in (suite.objectives, suite.profiles) if name]
    named += [Path(suite.file.name)] if suite.existing_file else []
    copy_files(suite.root, [*(path.relative_to(suite.root) for path in suite.files), *named], copied)
    top = working_tree().folder
    below = suite.root.relative_to(top) if suite.root.is_relative_to(top) else Path()
    return Instrument(product, copied / suite.file.name, suite.scenarios, suite.root, below)


def copied_product(stack: ExitStack) -> Path:
    """Copy Tailguard; returns the folder that it is imported from."""
    product = new_folder("product", stack)
    code = [path for path in PRODUCT.rglob("*") if "__pycache__" not in path.parts]
    copy_files(PRODUCT.parent, [path.relative_to(PRODUCT.parent) for path in code], product)
    return product


def new_folder(name: str, stack: ExitStack) -> Path:
    """Return a new folder that is gone at the end, however we end."""
    return stack.enter_context(Watchdog()).folder(f"{name}-")

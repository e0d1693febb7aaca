"""A suite's own page template, named under `template` in [suite]: it extends ours and fills its blocks."""

import traceback
from dataclasses import dataclass
from pathlib import Path

import jinja2
from jinja2.sandbox import SandboxedEnvironment

from tailguard.base.errors import UsageError
from tailguard.config.suite_table import SuiteTable

BASE = "report.html.j2"
_OWN = (
    "suite/"  # what the names of the suite's own templates begin with, so that none stands before one of ours
)


@dataclass(frozen=True, slots=True)
class OwnTemplate:
    """The file `path` below the suite's folder `root`."""

    root: Path
    path: str

    def rendered(self, ours: jinja2.Environment, **values: object) -> str:
        """Render it in a sandbox, with our templates, filters and escaping.

        Raises UsageError with the line if it cannot be read, names what is not there, or does not extend our page.
        """
        try:
            page = self._environment(ours).get_template(_OWN + self.path).render(values)
        except jinja2.TemplateSyntaxError as error:
            raise self._wrong(error.filename, error.lineno, str(error.message)) from error
        except MemoryError:
            raise
        except Exception as error:
            frames = traceback.extract_tb(error.__traceback__)
            own = [each for each in frames if Path(each.filename).is_relative_to(self.root)]
            told = (
                f"there is no template {error}" if isinstance(error, jinja2.TemplateNotFound) else str(error)
            )
            last = own[-1] if own else None
            raise self._wrong(last and last.filename, last and last.lineno, told) from error
        if str(values["policy"]) not in page.replace("&#39;", "'"):
            raise self._wrong(
                None, None, f'it must begin with {{% extends "{BASE}" %}}, and leave our <head> alone'
            )
        return page

    def _environment(self, ours: jinja2.Environment) -> jinja2.Environment:
        assert ours.loader is not None
        theirs = jinja2.PrefixLoader({_OWN[:-1]: jinja2.FileSystemLoader(self.root)})
        environment = SandboxedEnvironment(
            loader=jinja2.ChoiceLoader([ours.loader, theirs]),
            autoescape=ours.autoescape,
            finalize=ours.finalize,
            undefined=ours.undefined,
            trim_blocks=ours.trim_blocks,
            lstrip_blocks=ours.lstrip_blocks,
        )
        environment.globals |= ours.globals
        environment.filters |= ours.filters
        return environment

    def _wrong(self, file: str | None, line: int | None, told: str) -> UsageError:
        place = f"{file or self.root / self.path}{f':{line}' if line else ''}"
        return UsageError(
            f"{place}: the report's own template cannot be used: {told.rstrip('.')}."
            " The run is saved: mend the template, then run `tailguard report` again."
        )


def template_of(suite: SuiteTable | None) -> OwnTemplate | None:
    """Return a suite's own template, None if it has none. Raises UsageError if there is no such file."""
    if suite is None or not suite.template:
        return None
    path = (suite.root / suite.template).resolve()
    if not path.is_relative_to(suite.root) or not path.is_file():
        raise UsageError(
            f"{suite.file}: suite.template names {suite.template}, which is not a file below {suite.root}."
        )
    return OwnTemplate(suite.root, path.relative_to(suite.root).as_posix())

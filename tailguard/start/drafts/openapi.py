"""Scenarios drafted from an OpenAPI document (3.0, 3.1): one for each resource, from its making to its end."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from tailguard.base.errors import UsageError
from tailguard.record.part import Json
from tailguard.start.drafts.draft import Draft, Step, name_of, unique
from tailguard.start.drafts.examples import Examples, listed, table

# In this order a resource is made, read, changed and removed. Methods that are not here ask nothing of the service.
_ORDER = ("post", "get", "put", "patch", "delete")
_PARAMETER = re.compile(r"\{([^}]+)\}")
_JSON = re.compile(r"application/(?:[\w.+-]+\+)?json")
_FORM, _MULTIPART = "application/x-www-form-urlencoded", "multipart/form-data"


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation; `parameters` has those of its path, too."""

    method: str
    path: str
    parameters: tuple[Mapping[str, Json], ...]
    table: Mapping[str, Json]

    @property
    def name(self) -> str:
        """What it is called in limits, such as `GET /cart/{id}`."""
        return f"{self.method.upper()} {self.path}"

    @property
    def rank(self) -> tuple[int, int]:
        """Its place among those of its resource."""
        makes = self.method == "post" and "{" not in self.path
        return (-1 if makes else max(1, _ORDER.index(self.method)), self.path.count("/"))


class OpenApi:
    """A document, drafted into `draft`."""

    def __init__(self, document: Mapping[str, Json]) -> None:
        self.draft = Draft()
        self._document = document
        self._examples = Examples(document, self.draft)
        self._base = self._place()
        self._saved: dict[
            str, dict[str, str]
        ] = {}  # by scenario: a path's parameter, and the value that fills it

    def drafted(self) -> Draft:
        """Return the draft. Raises UsageError for a document without any operation that can be asked."""
        self._secure()
        for operation in sorted(self._operations(), key=lambda each: each.rank):
            self._add(operation)
        if not self.draft.scenarios:
            raise UsageError("this document has no operation that can be asked: look for its `paths`.")
        return self.draft

    def _place(self) -> str:
        """Take the first server's address, and return the path that precedes all others."""
        server = table(next(iter(listed(self._document.get("servers"))), None))
        address = str(server.get("url") or "")
        for name, variable in table(server.get("variables")).items():
            address = address.replace(f"{{{name}}}", str(table(variable).get("default", "")))
        parts = urlsplit(address)
        if parts.netloc:
            self.draft.url = f"{parts.scheme}://{parts.netloc}"
        else:
            self.draft.note(f"it names no server: {self.draft.url} is a guess.")
        return parts.path.rstrip("/")

    def _secure(self) -> None:
        schemes = table(table(self._document.get("components")).get("securitySchemes"))
        for name, scheme in schemes.items():
            found = self._examples.resolved(scheme)
            header, value = self._credential(name, found)
            self.draft.headers[header] = value
            self.draft.note(
                f"{header} of all requests comes from the environment; or log in by [target.login]."
            )

    def _credential(self, name: str, scheme: Mapping[str, Json]) -> tuple[str, str]:
        if scheme.get("type") == "apiKey" and scheme.get("in") in ("header", "cookie"):
            key, value = str(scheme.get("name")), self.draft.variable(name)
            return (key, value) if scheme["in"] == "header" else ("Cookie", f"{key}={value}")
        if str(scheme.get("scheme")).lower() == "basic":
            return "Authorization", f"Basic {self.draft.variable('basic_credentials')}"
        return "Authorization", f"Bearer {self.draft.variable('token')}"

    def _operations(self) -> Iterator[Operation]:
        for path, item in table(self._document.get("paths")).items():
            found = self._examples.resolved(item)
            for method in _ORDER:
                if method in found:
                    operation = table(found[method])
                    parameters = [*listed(found.get("parameters")), *listed(operation.get("parameters"))]
                    yield Operation(
                        method, path, tuple(self._examples.resolved(each) for each in parameters), operation
                    )

    def _add(self, operation: Operation) -> None:
        scenario = name_of(
            next((part for part in operation.path.split("/") if part and "{" not in part), "root")
        )
        step = Step(operation.name, operation.method.upper(), self._path(operation, scenario))
        for each in operation.parameters:
            if each.get("required") and each.get("in") in ("query", "header"):
                self._give(step, each)
        if not self._fill_body(step, self._examples.resolved(operation.table.get("requestBody"))):
            return
        good = [
            int(code) for code in table(operation.table.get("responses")) if re.fullmatch(r"[23]\d\d", code)
        ]
        if good:
            step.expect = good
        self._save(operation, scenario, step)
        self.draft.add(scenario, step)

    def _path(self, operation: Operation, scenario: str) -> str:
        """Fill a path's parameters: by what an earlier step saved, an example, or a guess."""
        by_name = {str(each.get("name")): each for each in operation.parameters if each.get("in") == "path"}

        def filled(place: re.Match[str]) -> str:
            name, parameter = place[1], by_name.get(place[1], {})
            if name in self._saved.get(scenario, {}):
                return f"{{{self._saved[scenario][name]}}}"
            value = self._examples.stated(parameter)
            if value is None:
                schema = self._examples.resolved(parameter.get("schema"))
                value = self._examples.stated(schema)
                if value is None:
                    value = self._examples.of(schema)
                    self.draft.note(f"{{{name}}} of {operation.name} is a guess: {value}.")
            return str(value)

        return self._base + _PARAMETER.sub(filled, operation.path)

    def _give(self, step: Step, parameter: Mapping[str, Json]) -> None:
        value = self._examples.stated(parameter)
        value = self._examples.of(parameter.get("schema")) if value is None else value
        name = str(parameter.get("name"))
        if parameter["in"] == "header":
            step.headers = {**step.headers, name: str(value)}
        else:
            step.query = {**step.query, name: value if isinstance(value, str | int | float) else str(value)}

    def _fill_body(self, step: Step, body: Mapping[str, Json]) -> bool:
        """Give a step its body. False if it needs one that a file cannot state."""
        content = table(body.get("content"))
        if not content:
            return True
        kind = next((each for each in content if _JSON.match(each)), _FORM)
        media = table(content.get(kind))
        if not media:
            self.draft.note(
                f"{step.name} is left out: it wants {' or '.join(content)}; add it with "
                f"{'multipart' if _MULTIPART in content else 'file'} = ..."
            )
            return False
        value = self._examples.stated(media)
        value = self._examples.of(media.get("schema")) if value is None else value
        if kind == _FORM:
            step.form = {name: str(each) for name, each in table(value).items()}
        else:
            step.body = value
        return True

    def _save(self, operation: Operation, scenario: str, step: Step) -> None:
        """Save from the answer what fills the parameter of the paths below, such as `/cart/{id}`."""
        if operation.method != "post":
            return
        below = re.compile(re.escape(operation.path.rstrip("/")) + r"/\{([^}]+)\}")
        for path in table(self._document.get("paths")):
            found = below.match(path)
            if found and found[1] not in self._saved.setdefault(scenario, {}):
                field = self._field(operation, found[1])
                if field:
                    name = unique(name_of(found[1]), [*self._saved[scenario].values()])
                    self._saved[scenario][found[1]] = name
                    step.save = {**step.save, name: f"json.{field}"}

    def _field(self, operation: Operation, parameter: str) -> str:
        """Return the field of an operation's answer that a path's parameter names; "" if none does."""
        for code, answer in table(operation.table.get("responses")).items():
            content = table(self._examples.resolved(answer).get("content"))
            schema = next(
                (table(media).get("schema") for kind, media in content.items() if _JSON.match(kind)), None
            )
            fields = table(self._examples.resolved(schema).get("properties"))
            if code.startswith("2"):
                return next((each for each in (parameter, "id", "uuid") if each in fields), "")
        return ""

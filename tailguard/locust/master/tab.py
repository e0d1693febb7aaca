"""A tab of locust's web page: a table that follows the run. Locust's page draws it from what these two add."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

Row = Mapping[str, str]


def add_tab(web_ui: Any, title: str, columns: Mapping[str, str], rows: Callable[[], Sequence[Row]]) -> None:
    """Add a tab with a table: `columns` maps each row's keys to headings, `rows` is asked at every refresh."""
    key = title.lower()
    structure = [{"key": name, "title": heading} for name, heading in columns.items()]
    web_ui.template_args["extended_tabs"] = [{"title": title, "key": key}]
    web_ui.template_args["extended_tables"] = [{"key": key, "structure": structure}]

    def with_rows(response: Any) -> Any:
        from flask import json, request  # noqa: PLC0415  # locust's own web framework: loaded if its page is

        if request.path.endswith("/stats/requests") and response.is_json:
            table = {"key": key, "data": [dict(row) for row in rows()]}
            response.set_data(json.dumps({**response.json, "extended_stats": [table]}))
        return response

    web_ui.app.after_request(with_rows)

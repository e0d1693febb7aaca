"""`when` of a step: whether an iteration takes it."""

import re
from dataclasses import dataclass

from tailguard.base.errors import UsageError
from tailguard.http.template import Values, fill_text

_COMPARED = re.compile(r"(.*?)\s*(==|!=)\s*(.*)", re.DOTALL)
_FALSE = ("", "false", "0", "None")


@dataclass(frozen=True, slots=True)
class Condition:
    """`{order.state} == paid`, `{stock} != 0`, or `{coupon}`: neither empty, false nor 0. "" always holds."""

    text: str

    def holds(self, values: Values) -> bool:
        """Whether it holds. What a step that was left out would have saved is empty."""
        if not self.text:
            return True
        compared = _COMPARED.fullmatch(self.text)
        if compared is None:
            return _filled(self.text, values) not in _FALSE
        is_equal = _filled(compared[1], values) == _filled(compared[3], values)
        return is_equal == (compared[2] == "==")


def _filled(template: str, values: Values) -> str:
    try:
        return fill_text(template, values).strip()
    except UsageError:
        return ""

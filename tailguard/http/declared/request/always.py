"""What each step knows without a row or an answer."""

import uuid
from collections.abc import Callable, Mapping

from tailguard.engine.iteration import Iteration
from tailguard.record.part import Json

ALWAYS: Mapping[str, Callable[[Iteration], Json]] = {
    "key": lambda it: it.key,
    "number": lambda it: it.number,
    "uuid": lambda _: str(uuid.uuid4()),
}

"""Tailguard's own rules: one file, one page of the documentation and one proved example each."""

from tailguard.migrations.lint.rule import Rule
from tailguard.migrations.lint.rules.builds import (
    concurrently,
    named_index,
    no_function,
    no_if_not_exists,
    no_timeout,
    no_transaction,
    one_statement,
)
from tailguard.migrations.lint.rules.files import (
    bare_name,
    complete,
    empty,
    file_name,
    number,
    query,
    same_index,
    shape,
    text,
    utf_8,
    way_back,
)
from tailguard.migrations.lint.rules.locks import lock_queue, long_lock

# In this order their findings on one line are told.
MODULES = (
    file_name, utf_8, text, no_if_not_exists, named_index, no_timeout, no_transaction, no_function, concurrently,
    one_statement, long_lock, lock_queue, empty, shape, bare_name, way_back, same_index, query, complete, number,
)  # fmt: skip
RULES: tuple[Rule, ...] = tuple(module.RULE for module in MODULES)

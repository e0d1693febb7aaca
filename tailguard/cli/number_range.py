"""Numbers on the command line: each has a least and a most, and is a number."""

import math

import click


class NumberRange(click.FloatRange):
    """Between two bounds; NaN, which no comparison holds back, is refused, too."""

    def __init__(self, least: float, most: float) -> None:
        super().__init__(least, most)

    def convert(self, value: float, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the number. Raises click.BadParameter if it is none, or out of bounds."""
        number: float = super().convert(value, param, ctx)
        if math.isnan(number):
            self.fail(f"{value!r} is not a number.", param, ctx)
        return number

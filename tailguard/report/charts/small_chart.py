"""The distribution of a step's response times, small enough for the line that stands for its scenario."""

from collections.abc import Sequence

from markupsafe import Markup

from tailguard.base.output.escaping import visible
from tailguard.report.charts.downsampling import Step, histogram
from tailguard.report.charts.style import Limit, ends_of
from tailguard.report.views import numbers

WIDTH, HEIGHT = 160, 30


def small_chart(step: Step, limits: Sequence[Limit]) -> Markup:
    """Return the chart as SVG: bars on a logarithmic axis, a line per limit; "" if no sample succeeded."""
    if not step.response_ms.size:
        return Markup("")
    bins = histogram(step.response_ms)
    ends = ends_of(bins["low_ms"], [*limits, Limit(0.5, float(bins["high_ms"].max()), "")])
    highest = int(bins["n"].max())
    bars = "".join(
        f"M{_x(ends.share(low))} {HEIGHT}V{HEIGHT * (1 - n / highest):.1f}H{_x(ends.share(high))}V{HEIGHT}"
        for low, high, n in zip(bins["low_ms"], bins["high_ms"], bins["n"], strict=True)
        if n
    )
    rules = "".join(f"M{_x(ends.share(limit.ms))} 0V{HEIGHT}" for limit in limits)
    ms = step.response_ms
    words = f"Response times of {step.name}: {numbers.ms(float(ms.min()))} to {numbers.ms(float(ms.max()))}"
    if limits:
        words += f", limits {', '.join(numbers.ms(limit.ms) for limit in limits)}"
    return Markup(
        '<svg class="small" viewBox="0 0 {} {}" role="img" aria-label="{}"><title>{}</title><path d="{}"/>'
        '<path class="limit" d="{}"/></svg>'
    ).format(WIDTH, HEIGHT, visible(words), visible(words), bars, rules)


def _x(share: float) -> str:
    return f"{WIDTH * share:.1f}"

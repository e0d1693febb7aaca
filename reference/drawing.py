"""Drawing a certificate: an SVG of about 64 KiB with a guilloche ornament, as banknotes and diplomas have."""

import math
from dataclasses import dataclass
from functools import lru_cache
from xml.sax.saxutils import escape

WIDTH, HEIGHT = 1123, 794  # A4 across, at 96 dots an inch
TITLES = {
    "winner": "Winner",
    "runner_up": "Runner-up",
    "third_place": "Third place",
    "participant": "Participant",
}
# So many waves of so many points make a file of about 64 KiB, the size of a certificate with a picture in it.
WAVES, POINTS = 14, 330
COLOURS = ("#c9a227", "#3b6ea5")


@dataclass(frozen=True, slots=True)
class Award:
    """What a certificate says."""

    player: str
    tournament: str
    kind: str
    number: str
    day: str


def draw(award: Award) -> bytes:
    """Return the certificate as UTF-8 encoded SVG. Any text is allowed in any field."""
    said = {name: _written(getattr(award, name)) for name in ("player", "tournament", "number", "day")}
    kind = TITLES.get(award.kind, award.kind)
    return f"""<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}">
<title>{said["player"]} - {said["tournament"]}</title>
<rect width="100%" height="100%" fill="#fdfbf5"/>
<g fill="none" stroke-width="0.7">{ornament(award.kind)}</g>
<rect x="24" y="24" width="{WIDTH - 48}" height="{HEIGHT - 48}" fill="none" stroke="#8a6d1f" stroke-width="2"/>
<g text-anchor="middle" font-family="serif" fill="#1d1d1b">
<text x="561" y="190" font-size="30">Certificate · {_written(kind)}</text>
<text x="561" y="400" font-size="64">{said["player"]}</text>
<text x="561" y="470" font-size="30">{said["tournament"]}</text>
<text x="561" y="620" font-size="16">{said["number"]} · {said["day"]}</text>
</g>
</svg>
""".encode()


def _written(text: str) -> str:
    """Escape a text for XML, without the control characters that XML cannot hold."""
    return escape("".join(letter for letter in text if letter >= " "))


@lru_cache(maxsize=8)
def ornament(kind: str) -> str:
    """Return the guilloche of a kind of certificate: a band of interlaced waves whose number its name decides."""
    petals = 9 + sum(kind.encode()) % 5
    return "".join(_wave(petals, number / WAVES) for number in range(WAVES))


def _wave(petals: int, phase: float) -> str:
    """Return one closed wave around an ellipse: radius 1 + 0.09 sin(petals t + phase), as engine turning draws it."""
    points = []
    for number in range(POINTS):
        angle = math.tau * number / POINTS
        radius = 1 + 0.09 * math.sin(petals * angle + math.tau * phase)
        points.append(
            f"{WIDTH / 2 + 470 * radius * math.cos(angle):.2f},{HEIGHT / 2 + 320 * radius * math.sin(angle):.2f}"
        )
    return f'<path stroke="{COLOURS[round(phase * WAVES) % len(COLOURS)]}" d="M{" ".join(points)}Z"/>'

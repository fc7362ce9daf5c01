"""Charts as SVG, readable on light and dark ground."""

import math
from dataclasses import dataclass, field
from html import escape

WIDTH, HEIGHT = 720, 400
LEFT, RIGHT, TOP, BOTTOM = 78, 16, 62, 52

STYLE = """
text { font: 13px system-ui, sans-serif; fill: #24292f }
.title { font-size: 15px; font-weight: 600 }
.ground { fill: #ffffff }
.grid { stroke: #d0d7de; stroke-width: 1 }
.axis { stroke: #57606a; stroke-width: 1 }
.ideal { stroke: #8c959f; stroke-dasharray: 2 4 }
.line { fill: none; stroke-width: 2.25; stroke-linejoin: round }
.range { stroke-width: 1.25; opacity: .6 }
.dashed { stroke-dasharray: 6 4 }
.c0 { stroke: #0757ba } .c1 { stroke: #b84a00 } .c2 { stroke: #57606a } .c3 { stroke: #8250df }
circle.c0 { fill: #0757ba } circle.c1 { fill: #b84a00 } circle.c2 { fill: #57606a }
circle.c3 { fill: #8250df }
@media (prefers-color-scheme: dark) {
text { fill: #e6edf3 }
.ground { fill: #0d1117 }
.grid { stroke: #30363d }
.axis { stroke: #8b949e }
.ideal { stroke: #6e7681 }
.c0 { stroke: #58a6ff } .c1 { stroke: #f0883e } .c2 { stroke: #9ea7b3 } .c3 { stroke: #bc8cff }
circle.c0 { fill: #58a6ff } circle.c1 { fill: #f0883e } circle.c2 { fill: #9ea7b3 }
circle.c3 { fill: #bc8cff }
}
"""


@dataclass
class Line:
    label: str
    colour: int
    points: list  # (x, middle, low, high), in x's order
    is_dashed: bool = False


@dataclass
class Chart:
    title: str
    across: str
    up: str
    lines: list = field(default_factory=list)
    is_log: bool = False   # upwards
    has_ideal: bool = False  # what goes in comes out

    def svg(self):
        return "\n".join([
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
            f'width="{WIDTH}" height="{HEIGHT}" role="img" aria-label="{escape(self.title)}">',
            f"<style>{STYLE}</style>", f'<rect class="ground" width="{WIDTH}" height="{HEIGHT}"/>',
            f'<text class="title" x="{LEFT}" y="22">{escape(self.title)}</text>',
            *self._legend(), *self._grid(), *self._ideal(), *self._curves(), "</svg>", ""])

    # --- Scales ---

    def _ends(self):
        """(most across, least up, most up)."""
        ups = [value for line in self.lines for point in line.points for value in point[1:]]
        across = max(point[0] for line in self.lines for point in line.points)
        if not self.is_log:
            return across, 0, max(ups)
        low = 10 ** math.floor(math.log10(max(min(ups), 1e-3)))
        return across, low, 10 ** math.ceil(math.log10(max(max(ups), 10 * low)))

    def _x(self, value):
        return LEFT + (WIDTH - LEFT - RIGHT) * value / self._ends()[0]

    def _y(self, value):
        _, low, high = self._ends()
        share = (math.log10(max(value, low) / low) / math.log10(high / low) if self.is_log
                 else value / high)
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * share

    # --- Parts ---

    def _grid(self):
        most, low, high = self._ends()
        for value in decades(low, high) if self.is_log else steps(high):
            y = self._y(value)
            yield f'<path class="grid" d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}"/>'
            yield f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{short(value)}</text>'
        for value in steps(most):
            x = self._x(value)
            yield (f'<text x="{x:.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">'
                   f"{short(value)}</text>")
        yield f'<path class="axis" d="M{LEFT} {HEIGHT - BOTTOM}H{WIDTH - RIGHT}"/>'
        yield (f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 12}" text-anchor="middle">'
               f"{escape(self.across)}</text>")
        middle = (TOP + HEIGHT - BOTTOM) / 2
        yield (f'<text transform="translate(18 {middle}) rotate(-90)" text-anchor="middle">'
               f"{escape(self.up)}</text>")

    def _legend(self):
        x = LEFT
        for line in (line for line in self.lines if not line.is_dashed):
            yield f'<path class="line c{line.colour}" d="M{x} 43h26"/>'
            yield f'<text x="{x + 32}" y="47">{escape(line.label)}</text>'
            x += 50 + 7.4 * len(line.label)

    def _ideal(self):
        if self.has_ideal:
            most, _, high = self._ends()
            end = min(most, high)
            yield (f'<path class="ideal" d="M{self._x(0):.1f} {self._y(0):.1f}'
                   f'L{self._x(end):.1f} {self._y(end):.1f}"/>')

    def _curves(self):
        for line in self.lines:
            dashed = " dashed" if line.is_dashed else ""
            path = "L".join(f"{self._x(x):.1f} {self._y(y):.1f}" for x, y, _, _ in line.points)
            yield f'<path class="line c{line.colour}{dashed}" d="M{path}"/>'
            for x, y, low, high in line.points:
                yield (f'<path class="range c{line.colour}" d="M{self._x(x):.1f} '
                       f'{self._y(low):.1f}V{self._y(high):.1f}"/>')
                yield (f'<circle class="c{line.colour}" cx="{self._x(x):.1f}" '
                       f'cy="{self._y(y):.1f}" r="2.6"/>')


def steps(most):
    """Round numbers from 0 to most, four to eight of them."""
    if most <= 0:
        return [0]
    unit = 10 ** math.floor(math.log10(most))
    step = next(unit * part for part in (0.1, 0.2, 0.5, 1, 2) if most / (unit * part) <= 8)
    return [step * i for i in range(int(most / step + 1e-9) + 1)]


def decades(low, high):
    return [10 ** power for power in range(round(math.log10(low)), round(math.log10(high)) + 1)]


def short(value):
    """100000 as 100k."""
    for size, letter in ((1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:g}{letter}"
    return f"{value:g}"

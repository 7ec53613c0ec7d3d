"""Curves as SVG: steps along a logarithmic axis, from zero upwards. The same figures make the same file."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from typing import Final

__all__ = ["Chart", "draw"]

WIDTH, HEIGHT = 720, 380
LEFT, RIGHT, TOP, BOTTOM = 72, 24, 76, 56
CHARACTER: Final = 7.2
"""Width of one, at most, at the size of the legend."""
# Colours that people with any colour vision tell apart (Okabe and Ito), and other marks too. The page behind a
# picture may be light or dark, so the picture brings its own ground.
STYLE: Final = """
text{font:13px system-ui,sans-serif;fill:#222}
.ground{fill:#fff}.grid{stroke:#ddd}.axis{stroke:#777}
.line{fill:none;stroke-width:2}.title{font-weight:600;font-size:15px}
.c0{stroke:#0072b2;fill:#0072b2}.c1{stroke:#d55e00;fill:#d55e00}.c2{stroke:#009e73;fill:#009e73}
.c3{stroke:#777;fill:#777}
@media (prefers-color-scheme:dark){
text{fill:#ddd}.ground{fill:#1b1b1f}.grid{stroke:#3a3a3f}.axis{stroke:#999}
.c0{stroke:#56b4e9;fill:#56b4e9}.c1{stroke:#e69f00;fill:#e69f00}.c2{stroke:#2fc79a;fill:#2fc79a}
.c3{stroke:#aaa;fill:#aaa}}
path.line{fill:none}
"""


@dataclass(frozen=True, slots=True)
class Chart:
    """What is drawn.

    Attributes:
        title: above it.
        along, up: what the axes show, with the unit.
        curves: figures by step, by the name in the legend; at most four.
    """

    title: str
    along: str
    up: str
    curves: Mapping[str, Mapping[int, float]]


def draw(chart: Chart) -> str:
    """The picture, as the text of an SVG file."""
    steps = sorted({step for curve in chart.curves.values() for step in curve})
    ticks = _ticks(max(value for curve in chart.curves.values() for value in curve.values()))
    size = f'width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img">',
        f"<title>{escape(chart.title)}</title>\n<style>{STYLE}</style>",
        f'<rect class="ground" width="{WIDTH}" height="{HEIGHT}" rx="6"/>',
        _text(LEFT, 26, chart.title, "start", kind="title"),
        *_axes(chart, steps, ticks),
        *_curves(chart, steps, ticks[-1]),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _ticks(most: float) -> list[float]:
    """Round numbers from zero to the first that is not below the highest figure, about five."""
    rough = max(most, 1e-9) / 5
    power = 10.0 ** math.floor(math.log10(rough))
    width = next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= rough * 0.999)
    return [number * width for number in range(math.ceil(most / width - 1e-9) + 1)]


def _x(step: int, steps: list[int]) -> float:
    first, last = math.log(steps[0]), math.log(steps[-1])
    share = (math.log(step) - first) / (last - first or 1)
    return LEFT + 24 + share * (WIDTH - LEFT - RIGHT - 48)


def _y(value: float, most: float) -> float:
    return HEIGHT - BOTTOM - value / most * (HEIGHT - TOP - BOTTOM)


def _axes(chart: Chart, steps: list[int], ticks: list[float]) -> list[str]:
    right, bottom = WIDTH - RIGHT, HEIGHT - BOTTOM
    parts = []
    for tick in ticks:
        y = _y(tick, ticks[-1])
        parts.append(f'<path class="{"grid" if tick else "axis"}" d="M{LEFT} {y:.1f}H{right}"/>')
        parts.append(_text(LEFT - 8, y + 4, f"{round(tick, 6):,g}" if tick < 10_000 else f"{tick:,.0f}", "end"))
    for step in steps:
        x = _x(step, steps)
        parts.append(f'<path class="axis" d="M{x:.1f} {bottom}v5"/>')
        parts.append(_text(x, bottom + 20, f"{step:,}", "middle"))
    parts.append(_text((LEFT + right) / 2, HEIGHT - 14, chart.along, "middle"))
    middle = (TOP + bottom) / 2
    turned = f'transform="rotate(-90 18 {middle:.1f})"'
    parts.append(_text(18, middle, chart.up, "middle", attributes=turned))
    return parts


def _curves(chart: Chart, steps: list[int], most: float) -> list[str]:
    parts = []
    legend = float(LEFT)
    for number, (name, curve) in enumerate(chart.curves.items()):
        points = [(_x(step, steps), _y(curve[step], most)) for step in sorted(curve)]
        line = "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
        parts.append(f'<path class="line c{number}" d="M{line}"/>')
        parts += [_mark(number, x, y) for x, y in points]
        parts += [_mark(number, legend + 5, 50), _text(legend + 16, 54, name, "start")]
        legend += 36 + len(name) * CHARACTER
    return parts


def _mark(number: int, x: float, y: float) -> str:
    """A circle, a square, a diamond, a triangle."""
    shape = ("m-4 0a4 4 0 1 0 8 0a4 4 0 1 0-8 0", "m-3.5-3.5h7v7h-7z", "m0-5l5 5l-5 5l-5-5z", "m0-5l4.5 8h-9z")[number]
    return f'<path class="c{number}" d="M{x:.1f} {y:.1f}{shape}"/>'


def _text(x: float, y: float, text: str, anchor: str, *, kind: str = "", attributes: str = "") -> str:
    given = f'class="{kind}" ' if kind else ""
    return f'<text {given}x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" {attributes}>{escape(text)}</text>'

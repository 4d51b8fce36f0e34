"""Writes the results of a run as a table, as JSON and as a bar chart."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from html import escape

from bench.contestants import GOOGLE, OURS, SCALESEC, SUPPLIER, WIF
from bench.rows import Row

_ORDER = (GOOGLE, SUPPLIER, WIF, SCALESEC, OURS)
_SHOWN = (OURS, GOOGLE, SUPPLIER)
# In pixels.
_BAR, _ROW, _LEFT, _LENGTH = 14, 94, 20, 600
_STYLE = """
text { font: 13px system-ui, -apple-system, "Segoe UI", sans-serif; fill: #1f2328 }
.what { font-weight: 600 } .goal { fill: #59636e; font-size: 12px } .value { font-size: 12px }
.bar0 { fill: #1a7f37 } .bar1 { fill: #8c959f } .bar2 { fill: #c4cad1 } .missed { fill: #9a6700 }
@media (prefers-color-scheme: dark) {
  text { fill: #f0f6fc } .goal { fill: #9198a1 }
  .bar0 { fill: #3fb950 } .bar1 { fill: #6e7681 } .bar2 { fill: #454c54 } .missed { fill: #d29922 }
}
"""


def table(rows: Sequence[Row]) -> str:
    """Return the results as text, with a block for each row."""
    width = max(map(len, _ORDER))
    lines = []
    for row in rows:
        lines += ["", f"{row.what}", f"  goal: {row.goal}: {'reached' if row.reached else 'MISSED'}"]
        for name in _ORDER if OURS in row.cells else sorted(row.cells):
            ratio = f"  (ours: {row.ratios[name]:.3g} ×)" if name in row.ratios else ""
            lines.append(f"  {name:{width}}  {row.cells[name]}{ratio}")
    return "\n".join(lines)


def as_json(rows: Sequence[Row], versions: dict[str, str]) -> str:
    """Return the results as JSON."""
    return json.dumps({"versions": versions, "rows": [dataclasses.asdict(row) for row in rows]}, indent=2) + "\n"


def picture(rows: Sequence[Row]) -> str:
    """Return the results as an SVG bar chart, in which shorter is better."""
    height = 44 + _ROW * len(rows)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="760" height="{height}" viewBox="0 0 760 {height}" role="img">',
        f"<title>{escape(OURS)} compared with its peers</title><style>{_STYLE}</style>",
    ]
    x = _LEFT
    for index, name in enumerate(_SHOWN):
        parts.append(f'<rect class="bar{index}" x="{x}" y="14" width="12" height="12" rx="2"/>')
        parts.append(f'<text x="{x + 18}" y="25">{escape(name)}</text>')
        x += 48 + 7 * len(name)
    for number, row in enumerate(rows):
        parts += _bars(row, 44 + _ROW * number)
    return "\n".join([*parts, "</svg>"]) + "\n"


def _bars(row: Row, top: int) -> list[str]:
    verdict = "" if row.reached else ' <tspan class="missed">(missed)</tspan>'
    parts = [
        f'<text class="what" x="{_LEFT}" y="{top + 14}">{escape(row.what)}</text>',
        f'<text class="goal" x="{_LEFT}" y="{top + 30}">goal: {escape(row.goal)}{verdict}</text>',
    ]
    # Show the contestants of the legend. A row with other contestants prints their names beside the bars.
    named = OURS not in row.cells
    shown = sorted(row.cells) if named else _SHOWN
    longest = max(row.bars.get(name, 0.0) for name in shown) or 1.0
    for index, name in enumerate(shown):
        y = top + 37 + index * (_BAR + 1)
        value = row.bars.get(name)
        length = 2.0 if value is None else max(2.0, _LENGTH * value / longest)
        text = "n/a" if value is None else f"{value:.3g} {row.unit}"
        text = f"{name}: {text}" if named else text
        parts.append(f'<rect class="bar{index}" x="{_LEFT}" y="{y}" width="{length:.1f}" height="{_BAR}" rx="2"/>')
        parts.append(f'<text class="value" x="{_LEFT + length + 8:.1f}" y="{y + 11}">{text}</text>')
    return parts

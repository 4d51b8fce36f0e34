"""What a run leaves behind: the table, the same as JSON, and a picture."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from html import escape

from bench.contestants import GOOGLE, OURS, SCALESEC, SUPPLIER, WIF
from bench.rows import Row

_ORDER = (GOOGLE, SUPPLIER, WIF, SCALESEC, OURS)
_SHOWN = (OURS, GOOGLE, SUPPLIER)
_BAR, _ROW, _LEFT, _LENGTH = 14, 74, 20, 460
_STYLE = """
text { font: 13px system-ui, -apple-system, "Segoe UI", sans-serif; fill: #1f2328 }
.what { font-weight: 600 } .goal { fill: #59636e; font-size: 12px } .value { font-size: 12px }
.bar0 { fill: #1a7f37 } .bar1 { fill: #8c959f } .bar2 { fill: #c4cad1 } .missed { fill: #cf222e }
@media (prefers-color-scheme: dark) {
  text { fill: #f0f6fc } .goal { fill: #9198a1 }
  .bar0 { fill: #3fb950 } .bar1 { fill: #6e7681 } .bar2 { fill: #454c54 } .missed { fill: #f85149 }
}
"""


def table(rows: Sequence[Row]) -> str:
    """The table, a block for each row."""
    width = max(map(len, _ORDER))
    lines = []
    for row in rows:
        lines += ["", f"{row.what}", f"  goal: {row.goal}: {'reached' if row.reached else 'MISSED'}"]
        for name in _ORDER:
            ratio = f"  (ours: {row.ratios[name]:.3g} ×)" if name in row.ratios else ""
            lines.append(f"  {name:{width}}  {row.cells[name]}{ratio}")
    return "\n".join(lines)


def as_json(rows: Sequence[Row], versions: dict[str, str]) -> str:
    """The same for a program."""
    return json.dumps({"versions": versions, "rows": [dataclasses.asdict(row) for row in rows]}, indent=2) + "\n"


def picture(rows: Sequence[Row]) -> str:
    """The same as bars, the less the better."""
    height = 44 + _ROW * len(rows)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="760" height="{height}" viewBox="0 0 760 {height}" role="img">',
        f"<title>{escape(OURS)} beside its peers</title><style>{_STYLE}</style>",
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
    verdict = "" if row.reached else '<tspan class="missed"> missed</tspan>'
    parts = [
        f'<text class="what" x="{_LEFT}" y="{top + 14}">{escape(row.what)}</text>',
    ]
    longest = max(row.bars.get(name, 0.0) for name in _SHOWN) or 1.0
    for index, name in enumerate(_SHOWN):
        y = top + 21 + index * (_BAR + 1)
        value = row.bars.get(name)
        length = 0.0 if value is None else _LENGTH * value / longest
        shown = "n/a" if value is None else f"{value:.3g} {row.unit}"
        parts.append(
            f'<rect class="bar{index}" x="{_LEFT}" y="{y}" width="{max(length, 2):.1f}" height="{_BAR}" rx="2"/>'
        )
        goal = f'<tspan class="goal" dx="10">goal: {escape(row.goal)}{verdict}</tspan>' if index == 0 else ""
        parts.append(f'<text class="value" x="{_LEFT + max(length, 2) + 8:.1f}" y="{y + 11}">{shown}{goal}</text>')
    return parts

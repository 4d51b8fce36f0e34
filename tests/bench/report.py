"""Writes the results of a run as a table, as JSON and as a bar chart.

`python -m bench.report DIR`, in the folder `tests`, draws `DIR/result.svg` again from `DIR/result.json`.
"""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path

from bench.contestants import GOOGLE, OURS, SCALESEC, SUPPLIER, WIF
from bench.rows import Row

_ORDER = (GOOGLE, SUPPLIER, WIF, SCALESEC, OURS)
_SHOWN = (OURS, GOOGLE, SUPPLIER)
_EXPLANATION = "Shorter bars are better. Each measurement has its own scale: its longest bar is its largest value."
# In pixels. The chart is as wide as a column of text on GitHub, so that its text is not scaled down there. Names are left of
# the bars, values right of them.
_WIDTH, _MARGIN, _HEAD, _TITLES, _GAP, _LINE = 830, 20, 50, 39, 18, 17
_BARS, _LENGTH, _THICKNESS = 258, 370, 13
# In characters: the rest of a longer text would be outside.
_TEXT = 80
# The chart has a background, because a page may be dark when the system is light, and the reverse.
_STYLE = """
text { font: 12px system-ui, -apple-system, "Segoe UI", sans-serif; fill: #1f2328 }
.page { fill: #ffffff } .zero { fill: #818b98 }
.what { font-size: 13px; font-weight: 600 } .note { fill: #59636e }
.reached { fill: #1a7f37 } .missed { fill: #9a6700; font-weight: 600 }
.bar0 { fill: #1a7f37 } .bar1 { fill: #57606a } .bar2 { fill: #8c959f }
@media (prefers-color-scheme: dark) {
  text { fill: #f0f6fc }
  .page { fill: #0d1117 } .zero { fill: #656c76 }
  .note { fill: #9198a1 }
  .reached { fill: #3fb950 } .missed { fill: #d29922 }
  .bar0 { fill: #3fb950 } .bar1 { fill: #8b949e } .bar2 { fill: #656c76 }
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
    drawn: list[str] = []
    height = _HEAD
    for row in rows:
        names = _SHOWN if OURS in row.cells else sorted(row.cells)
        drawn += _drawn(row, names, height)
        height += _TITLES + _LINE * len(names) + _GAP
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{height}" viewBox="0 0 {_WIDTH} {height}" role="img">',
        f"<title>{escape(OURS)} compared with its peers</title><style>{_STYLE}</style>",
        f'<rect class="page" width="{_WIDTH}" height="{height}" rx="6"/>',
        f'<text class="note" x="{_MARGIN}" y="28">{_EXPLANATION}</text>',
        *drawn,
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _drawn(row: Row, names: Sequence[str], top: int) -> Iterator[str]:
    """Yield the elements of a row, with a bar for each name."""
    verdict = "reached" if row.reached else "missed"
    yield f'<text class="what" x="{_MARGIN}" y="{top + 14}">{escape(row.what)}</text>'
    yield (
        f'<text class="note" x="{_MARGIN}" y="{top + 31}">our goal: {escape(row.goal)} '
        f'(<tspan class="{verdict}">{verdict}</tspan>)</text>'
    )
    first = top + _TITLES
    yield f'<rect class="zero" x="{_BARS - 1}" y="{first - 2}" width="1" height="{_LINE * len(names)}"/>'
    longest = max(row.bars.get(name, 0.0) for name in names) or 1.0
    for index, name in enumerate(names):
        y = first + _LINE * index
        value = row.bars.get(name)
        length = _LENGTH * (value or 0.0) / longest
        if length:
            bar = f'x="{_BARS}" y="{y}" width="{length:.1f}" height="{_THICKNESS}"'
            yield f'<rect class="bar{index}" {bar}/>'
        style = ' class="note"' if value is None else ""
        yield f'<text x="{_MARGIN}" y="{y + 11}">{escape(name)}</text>'
        yield f'<text{style} x="{_BARS + length + 8:.1f}" y="{y + 11}">{escape(_value(row, name), quote=False)}</text>'


def _value(row: Row, name: str) -> str:
    """Return the text beside a bar: the value, and what limits its meaning; without a value, the reason."""
    value, cell = row.bars.get(name), row.cells.get(name, "n/a")
    if value is None:
        return cell if len(cell) <= _TEXT else f"{cell[:_TEXT]}…"
    number = f"{value:,.0f}" if value >= 100 else f"{value:.3g}" if value >= 0.001 or not value else "< 0.001"
    unit = "call" if value == 1 and row.unit == "calls" else row.unit
    limit = cell[cell.index(" (") :] if cell.endswith(")") and name in {GOOGLE, SUPPLIER} else ""
    return f"{number} {unit}{limit}"


def _redraw(directory: Path) -> None:
    """Draw the chart of an earlier run."""
    found = json.loads((directory / "result.json").read_text(encoding="utf-8"))
    rows = [Row(**row) for row in found["rows"]]
    (directory / "result.svg").write_text(picture(rows), encoding="utf-8")


if __name__ == "__main__":
    _redraw(Path(sys.argv[1]))

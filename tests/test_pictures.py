"""The pictures of the README: readable on light and dark pages, and in the column of text that GitHub gives them."""

from __future__ import annotations

import dataclasses
import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote
from xml.etree import ElementTree as ET

import pytest
from bench import report
from bench.contestants import GOOGLE, OURS, SUPPLIER
from bench.rows import Row
from cli.serve.browser import chromium

ROOT = Path(__file__).parents[1]
FLOW = ROOT / ".github" / "token-flow.svg"
RESULT = ROOT / "tests" / "bench" / "result.svg"
PICTURES = pytest.mark.parametrize("path", [FLOW, RESULT], ids=lambda path: path.stem)
# The column of text on a page of GitHub, in pixels. A wider picture is scaled down.
COLUMN = 830
Style = dict[str, dict[str, str]]


def rules_of(css: str) -> Style:
    """Return the declarations of each selector. Later rules replace earlier ones."""
    rules: Style = {}
    for selectors, declarations in re.findall(r"([^{}]+)\{([^{}]*)\}", css):
        found = dict(each.split(":", 1) for each in declarations.replace(" ", "").split(";") if each)
        for selector in selectors.split(","):
            rules.setdefault(selector.strip(), {}).update(found)
    return rules


@dataclasses.dataclass
class Text:
    """A text with what is behind it."""

    text: str
    size: float
    fill: str
    behind: str


class Picture:
    """A picture as a browser shows it if the system has a theme, `light` or `dark`."""

    def __init__(self, path: Path, theme: str) -> None:
        self.root = ET.fromstring(path.read_text(encoding="utf-8"))
        css = "".join(each.text or "" for each in self.root.iter() if each.tag.endswith("style"))
        media = re.search(r"@media \(prefers-color-scheme: dark\) \{(.*)\}", css, re.DOTALL)
        self._rules = rules_of(css[: media.start()] if media else css)
        if media and theme == "dark":
            for selector, declarations in rules_of(media[1]).items():
                self._rules.setdefault(selector, {}).update(declarations)
        self.width, self.height = map(float, self.root.attrib["viewBox"].split()[2:])

    def _value(self, element: ET.Element, name: str) -> str | None:
        """Return a property of an element itself. A class has precedence over an element's name."""
        found = element.get(name)
        for selector in (element.tag.rpartition("}")[2], *(f".{each}" for each in element.get("class", "").split())):
            found = self._rules.get(selector, {}).get(name, found)
        return found

    def bars(self) -> Iterator[tuple[str, str]]:
        """Yield the colour of each bar, and that of the page."""
        [page] = [each for each in self.root.iter() if each.get("class") == "page"]
        for each in self.root.iter():
            if each.get("class", "").startswith("bar"):
                yield self._value(each, "fill") or "", self._value(page, "fill") or ""

    def texts(self) -> Iterator[Text]:
        boxes: list[tuple[float, float, float, float, str]] = []
        for element in self.root:
            name = element.tag.rpartition("}")[2]
            if name == "rect":
                x, y, width, height = (float(element.get(each, 0)) for each in ("x", "y", "width", "height"))
                boxes.append((x, y, x + width, y + height, self._value(element, "fill") or "#000000"))
            elif name == "text":
                x, y = float(element.attrib["x"]), float(element.attrib["y"])
                [*_, behind] = [fill for x1, y1, x2, y2, fill in boxes if x1 <= x < x2 and y1 <= y < y2]
                for part in element.iter():
                    sizes = [self._value(each, "font-size") or self._value(each, "font") for each in (part, element)]
                    [size, *_] = [float(each.split("px")[0]) for each in sizes if each]
                    yield Text(
                        "".join(part.itertext()),
                        size,
                        self._value(part, "fill") or self._value(element, "fill") or "#000000",
                        behind,
                    )


def luminance(colour: str) -> float:
    """Return the relative luminance of a colour such as `#1f2328`, as WCAG 2 defines it."""
    parts = [int(colour[each : each + 2], 16) / 255 for each in (1, 3, 5)]
    red, green, blue = [each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4 for each in parts]
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    darker, lighter = sorted(map(luminance, (one, other)))
    return (lighter + 0.05) / (darker + 0.05)


def test_contrast_is_that_of_wcag() -> None:
    assert contrast("#ffffff", "#000000") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("theme", ["light", "dark"])
@PICTURES
def test_every_text_has_contrast_whatever_the_page_is(path: Path, theme: str) -> None:
    """The picture follows the theme of the system. The page may have the other one, so the picture has its own background."""
    picture = Picture(path, theme)
    [page, *_] = [each for each in picture.root if each.tag.endswith("rect")]
    assert (float(page.attrib["width"]), float(page.attrib["height"])) == (picture.width, picture.height)
    texts = list(picture.texts())
    assert len(texts) > 15
    assert [each for each in texts if contrast(each.fill, each.behind) < 4.5] == []
    # Bars need less contrast than text, but each of them needs it.
    assert [each for each in picture.bars() if contrast(*each) < 3] == []


@PICTURES
def test_every_text_is_at_least_12_px_in_the_column_of_a_page(path: Path) -> None:
    picture = Picture(path, "light")
    assert float(picture.root.attrib["width"]) == picture.width
    scale = min(1, COLUMN / picture.width)
    assert [each for each in picture.texts() if each.size * scale < 12] == []


def test_the_token_flow_says_which_half_is_aws_and_which_is_google() -> None:
    boxes = [each for each in Picture(FLOW, "light").root if each.get("class") in {"aws", "google"}]
    halves = {each.attrib["class"]: (float(each.attrib["y"]), float(each.attrib["height"])) for each in boxes}
    found = {
        half: [
            each.text or "".join(each.itertext())
            for each in Picture(FLOW, "light").root
            if each.tag.endswith("text") and top <= float(each.attrib["y"]) < top + height
        ]
        for half, (top, height) in halves.items()
    }
    assert found["aws"][0].startswith("AWS")
    assert found["google"][0].startswith("Google Cloud")
    names = {half: [each[3:] for each in texts if re.match(r"\d\. ", each)] for half, texts in found.items()}
    assert names == {
        "aws": ["botocore session", "AWS identity", "subject token"],
        "google": ["federated token", "access token", "request header"],
    }


def test_the_chart_shows_the_committed_figures() -> None:
    """If this fails: `python -m bench.report bench`, in the folder `tests`."""
    rows = json.loads((RESULT.with_suffix(".json")).read_text(encoding="utf-8"))["rows"]
    assert RESULT.read_text(encoding="utf-8") == report.picture([Row(**row) for row in rows])


def drawn(tmp_path: Path, **changes: Any) -> str:
    row = Row("Calls of a refresh", "none", "calls", {OURS: 4, GOOGLE: 1000})
    row.cells = {name: f"{value}" for name, value in row.bars.items()}
    row.cells[SUPPLIER] = "n/a: <cannot>"
    path = tmp_path / "picture.svg"
    path.write_text(report.picture([dataclasses.replace(row, **changes)]))
    return path.read_text()


def test_a_contestant_without_a_value_has_no_bar_and_its_reason(tmp_path: Path) -> None:
    text = drawn(tmp_path)
    assert len(re.findall(r'<rect class="bar', text)) == 2
    assert "n/a: &lt;cannot&gt;<" in text
    assert ">n/a<" in drawn(tmp_path, bars={GOOGLE: 1}, cells={OURS: "failed"})


def test_a_value_of_zero_has_no_bar(tmp_path: Path) -> None:
    assert 'class="bar0"' not in drawn(tmp_path, bars={OURS: 0, GOOGLE: 3})


def test_numbers_have_no_exponent_and_one_call_is_singular(tmp_path: Path) -> None:
    text = drawn(tmp_path, bars={OURS: 1, GOOGLE: 123456.7, SUPPLIER: 0.00123})
    assert re.findall(r">([\d.,]+ calls?)<", text) == ["1 call", "123,457 calls", "0.00123 calls"]
    assert ">&lt; 0.001 calls<" in drawn(tmp_path, bars={OURS: 0.000012})


@pytest.mark.parametrize("reached", [True, False])
def test_the_chart_says_whose_goal_it_is_and_that_scales_differ(tmp_path: Path, *, reached: bool) -> None:
    text = drawn(tmp_path, reached=reached)
    verdict = "reached" if reached else "missed"
    assert f'our goal: none (<tspan class="{verdict}">{verdict}</tspan>)' in text
    assert "Each measurement has its own scale" in text


# Puts the edges of each text into the page, in pixels of the picture.
MEASURE = """<script>
const found = [...document.querySelectorAll("text")].map((each) => {
  const {x, y, width, height} = each.getBBox();
  return {text: each.textContent, left: x, top: y, right: x + width, bottom: y + height};
});
document.body.innerHTML = "<pre>" + encodeURIComponent(JSON.stringify(found)) + "</pre>";
</script>"""


@pytest.mark.slow
@pytest.mark.skipif(chromium() is None, reason="no Chromium is installed: apt-get install chromium")
@PICTURES
def test_texts_in_a_browser_neither_overlap_nor_leave_the_picture(path: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text(f"<!doctype html><body>{path.read_text(encoding='utf-8')}{MEASURE}", encoding="utf-8")
    browser = str(chromium())
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--dump-dom"]
    command = [browser, *options, f"--user-data-dir={tmp_path / 'profile'}", page.as_uri()]
    shown = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout
    texts = json.loads(unquote(re.findall(r"<pre>(.*?)</pre>", shown)[0]))
    picture = Picture(path, "light")
    assert len(texts) > 15
    assert [each for each in texts if each["left"] < 5 or each["right"] > picture.width - 5] == []
    for number, one in enumerate(texts):
        for other in texts[:number]:
            apart = one["left"] >= other["right"] or other["left"] >= one["right"]
            # Boxes of adjacent lines overlap by the space for descenders.
            assert apart or abs(one["top"] - other["top"]) > 10, (one, other)

"""A page of a report as its reader would find it."""

from html.parser import HTMLParser
from pathlib import Path


class Page(HTMLParser):
    """What a browser would find: the text and the tables by section, the scripts, the charts."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.source = path.read_text(encoding="utf-8")
        self.section = ""
        self.texts: dict[str, str] = {}
        self.tables: dict[str, list[tuple[str, ...]]] = {}
        self.charts: list[str] = []
        self.scripts: list[str] = []
        self.figures: dict[str, str] = {}
        self.links: list[str] = []
        self.opened: list[bool] = []
        self.policy = ""
        self._inside = ""
        self._row: list[str] | None = None
        self.feed(self.source)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.links += [found[name] or "" for name in ("src", "href", "srcset") if name in found]
        self._inside = tag
        if tag == "section":
            self.section = (found["id"] or "").removeprefix("section-")
        if tag == "div" and found.get("class") == "chart":
            self.charts.append(found["id"] or "")
        if tag == "details":
            self.opened.append("open" in found)
        if found.get("http-equiv") == "Content-Security-Policy":
            self.policy = found["content"] or ""
        if tag == "script":
            self._inside = f"script {found.get('id', '')}"
            self.scripts += [] if "type" in found else [""]
        if tag == "tr":
            self._row = []
        if tag in {"td", "th"} and self._row is not None:
            self._row.append("")

    def handle_endtag(self, tag: str) -> None:
        if tag == "tr" and self._row is not None:
            self.tables.setdefault(self.section, []).append(tuple(self._row))
            self._row = None
        if tag == "section":
            self.section = ""
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside == "script ":
            self.scripts[-1] += data
        elif self._inside.startswith("script"):
            self.figures[self._inside.removeprefix("script ")] = data
        elif self._row:
            self._row[-1] += data
        else:
            self.texts[self.section] = self.texts.get(self.section, "") + data

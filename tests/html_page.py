"""Reading of our own pages: every element is closed, and what attributes and text say."""

from __future__ import annotations

from html.parser import HTMLParser

VOID = {"meta", "img", "br", "rect", "line"}
HOSTILE = [
    "<script>alert(1)<&script>.png",
    '"onmouseover="alert(2)".png',
    "'x' & y.png",
    "javascript:alert(3).png",
    "\u202egnp.exe.png",
    "{{ 7*7 }}{% raw %}{# no #}.png",
]
"""Names of files that would be markup, a script, or a part of a template."""


class HtmlPage(HTMLParser):
    """Reads a page strictly: every element is closed, and all attributes are kept."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.seen if name == tag]

    def handlers(self) -> list[str]:
        """The attributes that would run something."""
        return [name for _, given in self.seen for name in given if name.startswith("on")]

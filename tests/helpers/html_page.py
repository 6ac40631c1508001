"""Read an HTML page: its elements with their attributes, and its text."""

from html.parser import HTMLParser


class Page(HTMLParser):
    """The elements of a page, each with its attributes, and its text."""

    def __init__(self, text: str):
        super().__init__()
        self.tags, self.data = [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.data.append(data)

    @property
    def text(self) -> str:
        """Return the whole text; each run of white space is one space."""
        return " ".join(" ".join(self.data).split())

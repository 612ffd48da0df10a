"""The catalogues as they are shown. Imported by HTTP functions only."""

from pydantic import Field

from dispatch.core.views import View, by_example
from dispatch.matching.brands import BRANDS
from dispatch.matching.keywords import KEYWORDS


class KeywordView(View):
    """A canonical service keyword."""

    name: str = Field(examples=["check engine light"])
    group: str = Field(examples=["diagnostics"])


class KeywordList(View):
    """All of them, group by group; there is never a next page."""

    model_config = by_example(
        {
            "items": [
                {"name": "check engine light", "group": "diagnostics"},
                {"name": "engine diagnostic", "group": "diagnostics"},
                {"name": "brake repair", "group": "repairs"},
            ],
            "next_cursor": None,
        }
    )

    items: list[KeywordView]
    next_cursor: None = None

    @classmethod
    def of_all(cls) -> "KeywordList":
        return cls(items=[KeywordView(name=k.name, group=k.group) for k in KEYWORDS])


class BrandView(View):
    """A car brand."""

    name: str = Field(examples=["BMW"])


class BrandList(View):
    """All of them, by name; there is never a next page."""

    model_config = by_example(
        {"items": [{"name": "Acura"}, {"name": "BMW"}, {"name": "Honda"}], "next_cursor": None}
    )

    items: list[BrandView]
    next_cursor: None = None

    @classmethod
    def of_all(cls) -> "BrandList":
        return cls(items=[BrandView(name=name) for name in BRANDS])

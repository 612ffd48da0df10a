"""The catalogues and the list of mechanics as they are shown. Imported by HTTP functions only."""

from typing import Any, Self

from pydantic import Field

from dispatch.core.examples import CITY, CLOCKED_IN_AT, KEYWORDS
from dispatch.core.views import Instant, View, by_example
from dispatch.matching import keywords
from dispatch.matching.brands import BRANDS
from dispatch.matching.model import Availability, Badge, BrowseList, Card, WayOn
from dispatch.mechanics.views import ADA, MechanicView, PublicMechanic


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
        return cls(items=[KeywordView(name=k.name, group=k.group) for k in keywords.KEYWORDS])


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


_ADA: dict[str, Any] = {
    **ADA,
    "presence_status": "online",
    "last_seen_at": CLOCKED_IN_AT,
    "match_score": 237,
    "match_reasons": [
        "Available now",
        f"Local match - {CITY} FSA M5V",
        "10+ years experience",
        "Highly rated (4.8)",
        "Professionally Certified",
        "50+ sessions completed",
        *(f"Keyword match: {keyword}" for keyword in KEYWORDS),
    ],
    "badge": "high",
    "is_local_match": True,
    "is_brand_specialist": False,
    "next_slot_at": "2026-03-02T16:15:00.000Z",
}


class AvailableMechanic(MechanicView):
    """A mechanic of the list, and why they stand where they do."""

    model_config = by_example(_ADA)

    match_score: int
    match_reasons: tuple[str, ...]
    badge: Badge
    is_local_match: bool
    is_brand_specialist: bool
    next_slot_at: Instant | None = Field(
        description="When the next slot of the shortest plan starts; null without any"
    )

    @classmethod
    def of_card(cls, card: Card) -> Self:
        score = card.score
        return cls(
            **PublicMechanic.of(card.mechanic).model_dump(),
            presence_status=card.presence,
            last_seen_at=card.mechanic.last_seen_at,
            match_score=score.match_score,
            match_reasons=score.match_reasons,
            badge=score.badge,
            is_local_match=score.is_local_match,
            is_brand_specialist=score.is_brand_specialist,
            next_slot_at=card.next_slot_at,
        )


class AvailableList(View):
    """A page of those who match, best first, and what can be done if nobody is there."""

    model_config = by_example(
        {
            "availability": "online",
            "online_count": 1,
            "average_response_s": 48.5,
            "mechanics": [_ADA],
            "options": [],
            "next_cursor": None,
        },
        {
            "availability": "all_offline",
            "online_count": 0,
            "average_response_s": None,
            "mechanics": [
                {
                    **_ADA,
                    "presence_status": "offline",
                    "match_score": 207,
                    "match_reasons": ["Available soon", *_ADA["match_reasons"][1:]],
                }
            ],
            "options": ["schedule", "browse_offline", "join_waitlist"],
            "next_cursor": None,
        },
    )

    availability: Availability = Field(
        description="Of all who match, before `online_only`: all busy is still `online`"
    )
    online_count: int = Field(description="How many who match are on shift, the busy included")
    average_response_s: float | None = Field(
        description="Mean time from offer to accept in the last 7 days (whole hours)"
    )
    mechanics: list[AvailableMechanic] = Field(
        description="At most `limit`. Who has changed this very second so that they do not match "
        "any more is left out."
    )
    options: list[WayOn] = Field(description="What is left to do while all are offline")
    next_cursor: str | None = Field(
        description="For the next page: the best of those not shown yet, as they are by then"
    )

    @classmethod
    def of(cls, found: BrowseList) -> Self:
        return cls(
            availability=found.availability,
            online_count=found.online_count,
            average_response_s=found.average_response_s,
            mechanics=[AvailableMechanic.of_card(card) for card in found.cards],
            options=list(found.options),
            next_cursor=found.next_cursor,
        )

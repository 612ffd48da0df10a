"""The body of joining the waitlist. Imported by HTTP functions only."""

from pydantic import Field, ValidationInfo, field_validator

from dispatch.core.examples import MECHANIC_ID
from dispatch.core.views import Body, Line, by_example, wrong
from dispatch.waitlist.model import Target, Wish
from dispatch.waitlist.rules import catalogue_brand


class JoinBody(Body):
    """Whom the caller waits for."""

    model_config = by_example(
        {"target": "any"},
        {"target": "mechanic", "mechanic_id": MECHANIC_ID},
        {"target": "brand", "brand": "Honda"},
    )

    # The order matters: a validator sees the fields above its own.
    target: Target = Field(
        description="`any` mechanic of the caller's country, one `mechanic`, or a `brand`'s "
        "specialists"
    )
    mechanic_id: Line | None = Field(
        None, validate_default=True, description="With the target `mechanic`"
    )
    brand: Line | None = Field(
        None,
        validate_default=True,
        description="With the target `brand`: one of `GET /brands`, case and accents aside",
    )

    @field_validator("mechanic_id", "brand")
    @classmethod
    def _with_its_target(cls, value: str | None, info: ValidationInfo) -> str | None:
        target = info.data.get("target")
        if target is None:
            return value  # that field is wrong itself, and said to be
        own = Target.MECHANIC if info.field_name == "mechanic_id" else Target.BRAND
        if target is own and value is None:
            raise wrong(f"is needed for the target {own}")
        if target is not own and value is not None:
            raise wrong(f"needs the target {own}")
        return value

    @field_validator("brand")
    @classmethod
    def _known_brand(cls, name: str | None) -> str | None:
        brand = catalogue_brand(name) if name else None
        if name and brand is None:
            raise wrong("is not a brand of the catalogue; see GET /brands")
        return brand

    def to_wish(self) -> Wish:
        return Wish(self.target, mechanic_id=self.mechanic_id, brand=self.brand)

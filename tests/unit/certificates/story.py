"""One order's story as others tell it, for tests of certificates: five facts, with ids of their own each time."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from typing import Any

from shared.contracts.calculator import ScenePublished
from shared.contracts.event import Envelope
from shared.contracts.orders import BeneficiaryNamed, Claim, ClaimedFootprint, OffsetPurchased
from shared.contracts.registry import Allocation, CreditsRetired, LedgerPlace, ProjectListed
from shared.web.auth import hash_of
from shared.web.idempotency import id_of
from tests.conftest import enveloped

GRAMS = 533_014
FROM_GRAM = 412_730_480
TOKEN = "0" * 26


def new_id(kind: str) -> str:
    return id_of(kind, secrets.token_hex(8))


@dataclass(frozen=True)
class Story:
    """The worked example: a guest of a forum, two serials of one batch."""

    order_id: str = field(default_factory=lambda: new_id("ord"))
    project_id: str = field(default_factory=lambda: new_id("prj"))
    scene_id: str | None = field(default_factory=lambda: new_id("scn"))
    beneficiary_id: str = field(default_factory=lambda: new_id("ben"))
    footprint_id: str = field(default_factory=lambda: new_id("fp"))
    jurisdiction: str = "CN-SC Chengdu"
    name_sequence: int = 1

    @property
    def certificate_id(self) -> str:
        return f"cert_{self.order_id[4:]}"

    def of_same_holder(self) -> Story:
        """Another order of the same beneficiary."""
        return replace(self, order_id=new_id("ord"), footprint_id=new_id("fp"))

    def purchased(self) -> Envelope[Any]:
        footprint = ClaimedFootprint(
            footprint_id=self.footprint_id,
            root=self.footprint_id,
            grams=GRAMS,
            low_grams=390_000,
            high_grams=680_000,
            release="2026.2",
        )
        claim = Claim(
            beneficiary_id=self.beneficiary_id,
            beneficiary_kind="person",
            name_sequence=self.name_sequence,
            scene_id=self.scene_id,
            footprints=(footprint,),
            jurisdiction=self.jurisdiction,
            mandate_version="1",
        )
        return enveloped(
            OffsetPurchased(
                order_id=self.order_id,
                project_id=self.project_id,
                owner_id="own_groves",
                unit_price_fen=4_800,
                listing_version=1,
                grams=GRAMS,
                subtotal_fen=2_559,
                fee_fen=200,
                total_fen=2_759,
                currency="CNY",
                payment_id=id_of("pay", self.order_id),
                order_hash=hash_of("ord", self.order_id, TOKEN),
                claim=claim,
            ),
            sequence=2,
        )

    def retired(self, *, grams: int = GRAMS) -> Envelope[Any]:
        allocation = Allocation(
            batch_id=id_of("bat", self.project_id),
            from_gram=FROM_GRAM,
            to_gram=FROM_GRAM + grams,
            first_serial="CDCER-CN510100-0042-2021-01-413",
            last_serial="CDCER-CN510100-0042-2021-01-414",
        )
        place = LedgerPlace(sequence=1_198, page_hash="9f" * 32)
        return enveloped(
            CreditsRetired(order_id=self.order_id, project_id=self.project_id, allocations=(allocation,), ledger=place),
            sequence=2,
        )

    def published(self, *, sequence: int = 1, name: str = "Green Finance Forum (demo)") -> Envelope[Any]:
        assert self.scene_id is not None
        return enveloped(
            ScenePublished(
                scene_id=self.scene_id,
                code="FORUM26",
                names={"en": name, "zh": "绿色金融论坛（示例）", "hi": "ग्रीन फ़ाइनेंस फ़ोरम (डेमो)"},
                kind="conference",
                country="CN",
                city="CN-SC Chengdu",
                starts_on=date(2026, 11, 26),
                ends_on=date(2026, 11, 27),
                time_zone="Asia/Shanghai",
                organiser_id="org_demo",
                status="open",
            ),
            sequence=sequence,
        )

    def listed(self, *, sequence: int = 1, name: str = "Linpan groves, Chongzhou (demo)") -> Envelope[Any]:
        return enveloped(
            ProjectListed(
                project_id=self.project_id,
                names={"en": name, "zh": "崇州林盘（示例）", "hi": "लिनपान उपवन, चोंगझोउ (डेमो)"},
                standard="CDCER",
                type="forest_management",
                owner_id="own_groves",
                unit_price_fen=4_800,
                currency="CNY",
                listing_version=sequence,
                status="listed",
            ),
            sequence=sequence,
        )

    def named(
        self,
        name: str = "Lin Yue (demo)",
        *,
        sequence: int = 1,
        corrects: tuple[str, ...] = (),
        at: datetime | None = None,
    ) -> Envelope[Any]:
        return enveloped(
            BeneficiaryNamed(
                beneficiary_id=self.beneficiary_id,
                name=name,
                alias="Quiet Bamboo 27",
                kind="person",
                board="alias",
                profile_hash="9f" * 32,
                corrects=corrects,
            ),
            sequence=sequence,
            at=at or datetime.now(UTC),
        )

    def erased(self, *, sequence: int) -> Envelope[Any]:
        return enveloped(
            BeneficiaryNamed(
                beneficiary_id=self.beneficiary_id,
                name=None,
                alias=None,
                kind="person",
                board="hidden",
                profile_hash=None,
                erased=True,
            ),
            sequence=sequence,
        )

    def whole(self) -> list[Envelope[Any]]:
        """All that a certificate awaits, in the order in which it happens."""
        scene = [self.published()] if self.scene_id else []
        return [*scene, self.listed(), self.named(), self.purchased(), self.retired()]

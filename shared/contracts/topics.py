"""The table of topics: how each is partitioned and kept; `deploy/topics.py` creates them, services refuse others."""

from dataclasses import dataclass

from shared.contracts.calculator import FootprintCalculated, ScenePublished
from shared.contracts.certificates import CertificateIssued, CertificateRevoked
from shared.contracts.event import PARTITIONS, Event
from shared.contracts.orders import BeneficiaryNamed, OffsetPurchased, OrderClosed, OrderPlaced
from shared.contracts.registry import CreditsHeld, CreditsRefused, CreditsRetired, ProjectListed

SERVICES = ("calculator", "registry", "orders", "certificates", "ranking")
# Of a record in its batch: what a broker takes unless it is told otherwise.
EVENT_BYTES_MAX = 1_048_588
# A dead letter carries the whole event, and why it failed.
RECORD_BYTES_MAX = 2 * 1024 * 1024
_DAY_MS = 24 * 3600 * 1000
_HOUR_MS = 3600 * 1000


@dataclass(frozen=True)
class Topic:
    """A topic as it must be: the settings listed are compared, all others are the broker's."""

    name: str
    key: str
    settings: tuple[tuple[str, str], ...]
    partitions: int = PARTITIONS

    @property
    def record_bytes_max(self) -> int:
        """The size of the largest record that it takes; producers hold theirs against it."""
        return int(dict(self.settings)["max.message.bytes"])


def _of(event: type[Event]) -> Topic:
    kept: tuple[tuple[str, str], ...]
    if event.kept == "compacted":
        # An erased name must leave the log within 48 hours, so segments roll and are cleaned by the hour.
        kept = (("cleanup.policy", "compact"), ("max.compaction.lag.ms", str(_HOUR_MS)), ("segment.ms", str(_HOUR_MS)))
    else:
        kept = (("cleanup.policy", "delete"), ("retention.ms", "-1"))
    limits = (
        ("max.message.bytes", str(EVENT_BYTES_MAX)),
        # A record's timestamp is its publisher's; the broker refuses one that is an hour ahead of its own clock.
        ("message.timestamp.after.max.ms", str(_HOUR_MS)),
    )
    return Topic(name=event.topic, key=event.key, settings=(*kept, *limits))


def _kept_days(name: str, days: int, *, more: tuple[tuple[str, str], ...] = ()) -> Topic:
    return Topic(
        name=name,
        key="as it came",
        settings=(
            ("cleanup.policy", "delete"),
            ("retention.ms", str(days * _DAY_MS)),
            ("max.message.bytes", str(RECORD_BYTES_MAX)),
            *more,
        ),
    )


EVENTS: tuple[type[Event], ...] = (
    ScenePublished,
    FootprintCalculated,
    ProjectListed,
    OrderPlaced,
    OrderClosed,
    CreditsHeld,
    CreditsRefused,
    OffsetPurchased,
    CreditsRetired,
    CertificateIssued,
    CertificateRevoked,
    BeneficiaryNamed,
)
TOPICS: tuple[Topic, ...] = (
    *(_of(event) for event in EVENTS),
    *(_kept_days(f"dead.{service}", 90) for service in SERVICES),
    # A name that is replayed must be gone within 48 hours after its erasure, here too.
    *(_kept_days(f"replay.{service}", 1, more=(("segment.ms", str(_HOUR_MS)),)) for service in SERVICES),
)

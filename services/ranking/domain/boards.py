"""All boards as a fold of the stream: the same events, in any order and however often, give the same boards."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from heapq import nlargest

from services.ranking.domain.deeds import LISTED_KINDS, CertificateDiffers, Deed, Tally
from services.ranking.domain.facts import Fact, Facts, Named, Published, Revoked, fact_of
from services.ranking.domain.ranking import Ranking
from services.ranking.domain.selection import Board, Field, Selection
from services.ranking.domain.shares import Balance, Footprint, Shares
from services.ranking.domain.standing import Standing
from services.ranking.domain.windows import Window, window_at
from shared.contracts.calculator import ScenePublished
from shared.contracts.event import Envelope, Event

# The figures of a smaller group would be the figures of one of its members.
GROUP_MEMBERS_MIN = 5
# Anybody may ask for any board, and each takes memory as long as it is kept up to date.
UNUSED_MAX = timedelta(hours=1)


class Boards:
    """What the stream has brought so far, and the boards that follow from it.

    A board is built when it is first looked at, and from then on kept up to date event by event. So a fold from offset
    zero pays for no board that nobody looks at; and it is forgotten when its window is over, or nobody looks any more.
    """

    def __init__(self) -> None:
        self.as_of: datetime | None = None
        # How many came, repeats too.
        self.events = 0
        self._scenes: dict[str, Published] = {}
        self._scene_ids: dict[str, str] = {}
        self._named: dict[str, Named] = {}
        self._deeds: dict[str, Deed] = {}
        self._revoked: dict[str, Revoked] = {}
        # Deeds that count, under their beneficiary and under their scene.
        self._deeds_of: dict[str, list[Deed]] = {}
        self._shares = Shares()
        self._built: dict[Field | None, dict[Selection, Standing]] = {}

    def fold(self, envelope: Envelope[Event]) -> None:
        """Take an event in. One that came before, or was overtaken by a later one of its subject, changes nothing.

        Raises OutOfBounds, FootprintDiffers or CertificateDiffers, and nothing has changed then.
        """
        fact = fact_of(envelope)
        if fact is not None:
            self.take(fact)
        self.events += 1
        self.as_of = envelope.time if self.as_of is None else max(self.as_of, envelope.time)

    def take(self, fact: Fact) -> None:
        """Take in a fact, of an event or of a snapshot. One taken before or overtaken changes nothing."""
        match fact:
            case Footprint():
                self._place_scenes(self._shares.calculated(fact))
            case Deed():
                self._issued(fact)
            case Revoked():
                self._revoke(fact)
            case Named():
                self._name(fact)
            case Published():
                self._published(fact)

    def facts(self) -> Facts:
        """Return all that was taken in and not overtaken. What it holds never changes any more."""
        return {
            "scenes": dict(self._scenes),
            "names": dict(self._named),
            "revocations": dict(self._revoked),
            "certificates": dict(self._deeds),
            "footprints": self._shares.footprints(),
        }

    # What boards answer.

    def standing(self, selection: Selection, now: datetime) -> Standing:
        """Return a board as it stands in the window of this moment. It goes on changing: read it, do not keep it."""
        window = window_at(selection.window, now)
        built = self._built.get(selection.field, {})
        standing = built.get(selection)
        if standing is None or standing.window != window:
            standing = self._build(selection, window, now)
            # A request for a scene or city that does not exist leaves nothing behind.
            if selection.field is None or standing.tallies:
                self._built.setdefault(selection.field, {})[selection] = standing
        standing.used_at = now
        return standing

    def standings(self) -> list[Standing]:
        """Return all boards that are built: those that somebody has looked at."""
        return [standing for built in list(self._built.values()) for standing in list(built.values())]

    def build(self, selections: Iterable[Selection], now: datetime) -> None:
        """Build boards before anybody looks at them."""
        for selection in selections:
            self.standing(selection, now)

    def differing(self, other: Boards) -> tuple[int, int]:
        """Return how many boards both have built in the same window, and how many of them differ."""
        theirs = {(standing.selection, standing.window): standing.ranking for standing in other.standings()}
        pairs = [(mine.ranking, theirs.get((mine.selection, mine.window))) for mine in self.standings()]
        both = [(mine, their) for mine, their in pairs if their is not None]
        return len(both), sum(mine != their for mine, their in both)

    def let_go(self, now: datetime) -> None:
        """Forget the boards whose window is over, and those that nobody has looked at for an hour."""
        for field, built in list(self._built.items()):
            for selection, standing in list(built.items()):
                over = standing.window != window_at(selection.window, now)
                if over or now - standing.used_at > UNUSED_MAX:
                    del built[selection]
            if not built:
                del self._built[field]

    def name(self, member: str) -> str:
        """Return what a listed member is called on boards: a scene in English if it can be, a person as they chose."""
        if member in self._scenes:
            names = self._scenes[member].scene.names
            return names.get("en") or names[min(names)]
        shown = self.shown_name(member)
        assert shown is not None, "who is listed has a name to show"
        return shown

    def shown_name(self, beneficiary_id: str) -> str | None:
        """Return what a beneficiary chose to be called; none when hidden, erased or not named yet."""
        found = self._named.get(beneficiary_id)
        return found.shown if found else None

    def balance(self, scene_id: str) -> Balance:
        """Return what counts at a scene, and how much of it is covered."""
        return self._shares.balance(scene_id)

    def deeds_at(self, scene_id: str) -> Sequence[Deed]:
        """Return the deeds that count at a scene, in no order."""
        return self._deeds_of.get(scene_id, ())

    def scene(self, id_or_code: str) -> ScenePublished | None:
        """Return a scene as it was last published."""
        found = self._scenes.get(self._scene_ids.get(id_or_code, id_or_code))
        return found.scene if found else None

    def busiest_scenes(self, count: int) -> list[ScenePublished]:
        """Return the scenes with the most certificates, at most so many."""
        counted = ((len(self._deeds_of[scene_id]), scene_id) for scene_id in self._scenes if scene_id in self._deeds_of)
        return [self._scenes[scene_id].scene for _, scene_id in nlargest(count, counted)]

    def has_place_for(self, beneficiary_id: str, board: Board) -> bool:
        """Say whether a beneficiary is of the kind that a board lists."""
        return (found := self._named.get(beneficiary_id)) is not None and (board, found.kind) in LISTED_KINDS

    def profile_hash(self, beneficiary_id: str) -> str | None:
        """Return the hash of a profile's capability; none when there is none, or it was erased."""
        found = self._named.get(beneficiary_id)
        return found.profile_hash if found else None

    # What comes in.

    def _published(self, published: Published) -> None:
        scene, before = published.scene, self._scenes.get(published.scene.scene_id)
        if before is not None and before.sequence >= published.sequence:
            return
        self._scenes[scene.scene_id] = published
        # A code stands on printed posters: it stays with its scene.
        self._scene_ids[scene.code] = scene.scene_id
        city_before = before.scene.city if before else None
        if city_before != scene.city and scene.scene_id in self._deeds_of:
            # Deeds move from one city to another. It is rare, so their boards are built anew.
            for city in (city_before, scene.city):
                if city is not None:
                    self._built.pop(Field("city", city), None)
        self._place_scenes({scene.scene_id})

    def _issued(self, deed: Deed) -> None:
        before = self._deeds.get(deed.certificate_id)
        if before is not None:
            if before != deed:
                raise CertificateDiffers(f"{deed.certificate_id} came before with another content")
            return
        self._deeds[deed.certificate_id] = deed
        if deed.certificate_id in self._revoked:
            return
        for owner in _owners(deed):
            self._deeds_of.setdefault(owner, []).append(deed)
        for standing, member in self._touched_by(deed):
            tally = standing.tallies.get(member)
            if tally is None:
                tally = standing.tallies[member] = Tally()
            tally.add(deed, standing.selection.board)
            self._place(standing, member)
        self._place_scenes(self._shares.cover(deed.footprint_ids, by=1))

    def _revoke(self, revoked: Revoked) -> None:
        if revoked.certificate_id in self._revoked:
            return
        self._revoked[revoked.certificate_id] = revoked
        deed = self._deeds.get(revoked.certificate_id)
        if deed is None:
            return
        for owner in _owners(deed):
            self._deeds_of[owner].remove(deed)
        for standing, member in self._touched_by(deed):
            selection, window = standing.selection, standing.window
            left = (other for other in self._deeds_of[member] if self._member(other, selection, window) == member)
            standing.tallies[member] = Tally.of(left, selection.board)
            self._place(standing, member)
        self._place_scenes(self._shares.cover(deed.footprint_ids, by=-1))

    def _name(self, named: Named) -> None:
        before = self._named.get(named.beneficiary_id)
        if before is not None and before.precedence >= named.precedence:
            return
        self._named[named.beneficiary_id] = named
        for deed in self._deeds_of.get(named.beneficiary_id, ()):
            for standing, member in self._touched_by(deed):
                self._place(standing, member)

    # How boards follow.

    def _build(self, selection: Selection, window: Window, now: datetime) -> Standing:
        tallies: dict[str, Tally] = {}
        for deed in self._candidates(selection.field):
            member = self._member(deed, selection, window)
            if member is not None:
                tallies.setdefault(member, Tally()).add(deed, selection.board)
        listed = ((member, self._value(selection, member, tally), tally.reached) for member, tally in tallies.items())
        return Standing(selection, window, tallies, Ranking(line for line in listed if line[1] > 0), now)

    def _candidates(self, field: Field | None) -> Iterable[Deed]:
        """Return the deeds to look at for a board: those of its field, so that a small one is soon built."""
        if field is None:
            return (deed for deed in self._deeds.values() if deed.certificate_id not in self._revoked)
        if field.kind == "scene":
            return self._deeds_of.get(field.name, ())
        of_city = (scene_id for scene_id, one in self._scenes.items() if one.scene.city == field.name)
        return (deed for scene_id in of_city for deed in self._deeds_of.get(scene_id, ()))

    def _touched_by(self, deed: Deed) -> Iterator[tuple[Standing, str]]:
        """Yield the boards that are built and count this deed, each with the deed's member there."""
        for field in (None, *self._fields_of(deed)):
            for selection, standing in self._built.get(field, {}).items():
                member = deed.member_of(selection.board)
                if member is not None and standing.window.holds(deed.issued_us):
                    yield standing, member

    def _member(self, deed: Deed, selection: Selection, window: Window) -> str | None:
        """Return for whom the deed counts on a board; none when it does not."""
        in_field = selection.field is None or selection.field in self._fields_of(deed)
        return deed.member_of(selection.board) if in_field and window.holds(deed.issued_us) else None

    def _fields_of(self, deed: Deed) -> tuple[Field, ...]:
        if deed.scene_id is None:
            return ()
        scene = Field("scene", deed.scene_id)
        found = self._scenes.get(deed.scene_id)
        return (scene, Field("city", found.scene.city)) if found else (scene,)

    def _place_scenes(self, scene_ids: set[str]) -> None:
        for selection, standing in self._built.get(None, {}).items():
            if selection.board == "scenes":
                for scene_id in scene_ids:
                    self._place(standing, scene_id)

    def _place(self, standing: Standing, member: str) -> None:
        tally = standing.tallies.get(member)
        value = self._value(standing.selection, member, tally) if tally else 0
        if tally and value > 0:
            standing.ranking.place(member, value, tally.reached)
        else:
            standing.ranking.drop(member)

    def _value(self, selection: Selection, member: str, tally: Tally) -> int:
        """Return the figure that a member is ranked by; 0 when the member is not to be listed."""
        if not self._may_show(selection, member, tally):
            return 0
        match selection.measure:
            case "scenes":
                return len(tally.partners)
            case "mass_g":
                return tally.grams
            case "share":
                return self._shares.share(member)

    def _may_show(self, selection: Selection, member: str, tally: Tally) -> bool:
        if selection.board == "scenes":
            return member in self._scenes and len(tally.partners) >= GROUP_MEMBERS_MIN
        if self.shown_name(member) is None:
            return False
        # A person's mass beside an alias could be joined with other public figures.
        return selection.board == "companies" or selection.measure != "mass_g" or self._named[member].by_name


def _owners(deed: Deed) -> tuple[str, ...]:
    return (deed.beneficiary_id, deed.scene_id) if deed.scene_id else (deed.beneficiary_id,)

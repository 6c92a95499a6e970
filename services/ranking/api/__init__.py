"""Ranking's addresses: boards, my rank, around me, the pages of the boards, the live wall, and rebuilds."""

from services.ranking.api.requests import NotFound
from services.ranking.domain.selection import NotOffered
from shared.refusal import Refusal
from shared.web.auth import PUBLIC, Access, Scope

REBUILDER = Scope("ranking:rebuild")
ACCESS: dict[str, Access] = {
    "POST /v1/board-rebuilds": REBUILDER,
    "GET /v1/board-rebuilds/{rebuild}": REBUILDER,
    "GET /v1/boards/{board}": PUBLIC,
    # These two need the capability of a profile. Which profile that is stands in the name of a cookie and not in the
    # path, so the routes look at it themselves.
    "GET /v1/boards/{board}/my-rank": PUBLIC,
    "GET /v1/boards/{board}/around-me": PUBLIC,
    "GET /boards": PUBLIC,
    "GET /boards/wall": PUBLIC,
    "GET /boards/wall/events": PUBLIC,
    "GET /boards/{board}": PUBLIC,
}
STATUSES: dict[type[Refusal], int] = {
    NotFound: 404,
    NotOffered: 422,
}

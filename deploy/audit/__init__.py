"""The audit: recounts the invariants of credits, money, orders and events from what is stored and what was published.

It reads MongoDB, Kafka and the payment provider's record, and asks no service, so that what a service says of itself
proves nothing here.
"""

from deploy.audit.books import Books, read
from deploy.audit.credits import check_credits
from deploy.audit.events import check_events
from deploy.audit.figures import check_figures
from deploy.audit.findings import Finding
from deploy.audit.money import check_money
from deploy.audit.orders import check_orders
from deploy.audit.provider import Provider


async def recount(kafka: str, mongodb: str, provider: Provider) -> list[Finding]:
    """Return what was found of each invariant, in the order C, M, O, E."""
    books = await read(kafka, mongodb, provider)
    return check(books)


def check(books: Books) -> list[Finding]:
    """Return what the books say of each invariant."""
    return [
        *check_credits(books),
        *check_money(books),
        *check_orders(books),
        *check_events(books),
        *check_figures(books),
    ]

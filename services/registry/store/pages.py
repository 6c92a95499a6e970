"""How pages of the ledger are named and read: `<project>.<sequence>`, one document each."""

from __future__ import annotations

from services.registry.domain.ledger import Page
from shared.mongodb import Collection, Document

# Pages that a relay takes on at once: many enough to keep Kafka busy, few enough for a lease.
PAGES_PER_CLAIM = 20


def page_id(project_id: str, sequence: int) -> str:
    """Return the `_id` of a page."""
    return f"{project_id}.{sequence:012d}"


def these(project_id: str, first: int, beyond: int) -> Document:
    """Return the filter of pages by name, which every server finds by the index on `_id`.

    SecantusDB reads a whole collection for a range of ids, and sorts before it limits.
    """
    return {"_id": {"$in": [page_id(project_id, sequence) for sequence in range(first, beyond)]}}


def page_of(document: Document) -> Page:
    """Return the page that a document holds. Raises ValidationError."""
    document.pop("_id", None)
    return Page.model_validate(document)


async def read(pages: Collection, project_id: str, first: int, beyond: int) -> list[Document]:
    """Return a project's pages from `first` to before `beyond` as they are stored, in order."""
    found: list[Document] = await pages.find(these(project_id, first, beyond)).sort("_id", 1).to_list(None)
    for page in found:
        del page["_id"]
    return found

"""What a no looks like in every service: a stable code, a sentence that helps, and the field that it is about."""

from typing import Any, ClassVar


class Refusal(Exception):
    """A command that the domain refuses. Subclasses give the stable `code`; `facts` travel into the problem."""

    code: ClassVar[str] = "refused"

    def __init__(self, detail: str, *, field: str | None = None, **facts: Any) -> None:
        super().__init__(detail)
        self.detail = detail
        self.field = field
        self.facts = facts

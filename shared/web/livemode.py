"""The field of every answer that says whether it is about real money and credits."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

Livemode = Annotated[bool, Field(description="false on a system for trying out, whose certificates prove nothing")]

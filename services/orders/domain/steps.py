"""How an order takes a step of the table: the one place that changes its state, its deadline and its history."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

from services.orders.domain import machine
from services.orders.domain.events import told
from services.orders.domain.machine import Happening, Step
from services.orders.domain.order import Decision, Order, Passed


def begin(order: Order, happening: Happening, *, now: datetime, **facts: Any) -> Decision:
    """Let a new order come into its first state."""
    return _take(order, machine.BEGINNING[happening], now, facts)


def advance(order: Order, happening: Happening, *, now: datetime, **facts: Any) -> Decision:
    """Take the step that the table gives, and note the facts. Raises DoesNotFit when it gives none."""
    return _take(order, machine.step(order.state, happening), now, facts)


def advance_if_fits(order: Order, happening: Happening, *, now: datetime, **facts: Any) -> Decision:
    """Take the step if there is one; a message that does not fit the state changes nothing."""
    return advance(order, happening, now=now, **facts) if machine.fits(order.state, happening) else Decision(order)


def _take(order: Order, step: Step, now: datetime, facts: dict[str, Any]) -> Decision:
    comes_new = not order.history or step.to != order.state
    after = replace(
        order,
        state=step.to,
        deadline=now + step.lasts if step.lasts else order.deadline,
        history=(*order.history, Passed(step.to, now)) if comes_new else order.history,
        **facts,
    )
    return Decision(after, (told(step.tells, after),) if step.tells else ())

"""What orders does because of something: a request, a message, a payment provider, or time."""

from services.orders.handlers.balances import Balances, Claiming
from services.orders.handlers.handlers import Handlers, Keyed, Made
from services.orders.handlers.payments import Payments, Started
from services.orders.handlers.provider import Provider
from services.orders.handlers.sandbox import Sandbox

__all__ = ["Balances", "Claiming", "Handlers", "Keyed", "Made", "Payments", "Provider", "Sandbox", "Started"]

"""Orders: what is wanted, what it costs, whether it is paid, and for whom it is; the only place that has names.

Owns: orders, payments, refunds, beneficiaries, settlement.
Consumes: scene.published, footprint.calculated, project.listed, credits.held, credits.refused, credits.retired, certificate.issued.
Publishes: order.placed, order.closed, offset.purchased, beneficiary.named.
Serves: quotes, orders, payment notices, progress (SSE), organisers' balances, payables.
Never: decides whether credits are there; keeps a footprint's token; publishes a name in any event but beneficiary.named.
"""  # noqa: E501 -- each line of the card is read whole

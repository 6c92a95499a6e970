"""The credit ledger: what is issued, held, allocated and cancelled, and nothing else decides it.

Owns: projects, batches, the credit ledger.
Consumes: order.placed, order.closed, offset.purchased.
Publishes: project.listed, credits.held, credits.refused, credits.retired.
Serves: projects, prices, public retirements, proof of reserves; registrar's routes.
Never: knows a deadline, a beneficiary, a scene or a footprint; changes a page that is written.
"""

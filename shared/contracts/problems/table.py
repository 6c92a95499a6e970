"""Every code that a service, or the gateway, can answer, with its explanation."""

from collections.abc import Mapping
from itertools import chain

from shared.contracts.problems import calculator, certificates, every_service, orders, ranking, registry
from shared.contracts.problems.explanation import Explanation

TABLES = (every_service, calculator, registry, orders, certificates, ranking)
EXPLANATIONS: Mapping[str, Explanation] = dict(chain.from_iterable(table.EXPLANATIONS.items() for table in TABLES))

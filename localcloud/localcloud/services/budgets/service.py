"""AWS Budgets, as the local cloud extends it."""

from localcloud.core.service import Service
from localcloud.services.budgets.resources import BudgetResource

SERVICE = Service(name="budgets", resources=(BudgetResource,))

"""Extension of moto: AWS Budgets."""

from localcloud.core.service import Service
from localcloud.services.budgets.resources import BudgetResource

SERVICE = Service(name="budgets", resources=(BudgetResource,))

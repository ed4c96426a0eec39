"""Budgets in CloudFormation: recorded and described, but never exceeded, because nothing here costs money."""

from moto.budgets.models import BudgetsBackend, budgets_backends

from localcloud.core.resource_model import ResourceModel


class BudgetResource(ResourceModel):
    """``AWS::Budgets::Budget``."""

    TYPE = "AWS::Budgets::Budget"
    status_reason = "recorded: nothing in the local cloud costs money"

    @property
    def physical_resource_id(self) -> str:
        """The budget's name."""
        return str(self.properties["Budget"].get("BudgetName", self.name))

    def put(self) -> None:
        """Create the budget, replacing an earlier version."""
        self.remove()
        budget = {**self.properties["Budget"], "BudgetName": self.physical_resource_id}
        self._budgets.create_budget(self.account_id, budget, self.properties.get("NotificationsWithSubscribers", []))

    def remove(self) -> None:
        """Delete the budget."""
        if self.physical_resource_id in self._budgets.budgets[self.account_id]:
            self._budgets.delete_budget(self.account_id, self.physical_resource_id)

    @property
    def _budgets(self) -> BudgetsBackend:
        return budgets_backends[self.account_id]["aws"]

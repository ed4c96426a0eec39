"""What an environment may cost."""

from collections.abc import Sequence

from aws_cdk import aws_budgets, aws_sns

from constructs import Construct

_Budget = aws_budgets.CfnBudget


class MonthlyBudget(Construct):
    """A budget of all that bears a tag, and messages when so much of it is spent.

    AWS counts costs by tag once somebody has activated the tag for that, in the Billing console of the account that
    pays (https://docs.aws.amazon.com/awsaccountbilling/latest/aboutv2/activating-tags.html); before that, the budget
    sees no costs.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        name: str,
        usd: float,
        alert_percents: Sequence[int],
        tag: tuple[str, str],
        topic: aws_sns.ITopic,
    ) -> None:
        """Make the budget.

        Args:
            scope: the parent.
            id: the id.
            name: the budget's name, which an account has once.
            usd: what may be spent in a month.
            alert_percents: percents of it at which the topic is told.
            tag: key and value of the tag that what counts bears.
            topic: is told.
        """
        super().__init__(scope, id)
        key, value = tag
        _Budget(
            self,
            "Budget",
            budget=_Budget.BudgetDataProperty(
                budget_name=name,
                budget_type="COST",
                time_unit="MONTHLY",
                budget_limit=_Budget.SpendProperty(amount=usd, unit="USD"),
                # https://docs.aws.amazon.com/aws-cost-management/latest/APIReference/API_budgets_Budget.html
                cost_filters={"TagKeyValue": [f"user:{key}${value}"]},
            ),
            notifications_with_subscribers=[
                _Budget.NotificationWithSubscribersProperty(
                    notification=_Budget.NotificationProperty(
                        notification_type="ACTUAL",
                        comparison_operator="GREATER_THAN",
                        threshold=percent,
                        threshold_type="PERCENTAGE",
                    ),
                    subscribers=[_Budget.SubscriberProperty(subscription_type="SNS", address=topic.topic_arn)],
                )
                for percent in alert_percents
            ],
        )

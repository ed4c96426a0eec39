"""Monthly cost budget of an environment."""

from collections.abc import Sequence

from aws_cdk import aws_budgets, aws_sns

from constructs import Construct

_Budget = aws_budgets.CfnBudget


class MonthlyBudget(Construct):
    """Budget for all resources with a tag, with notifications at given percentages.

    The budget only sees costs after the tag was activated as a cost allocation tag in the payer account
    (https://docs.aws.amazon.com/awsaccountbilling/latest/aboutv2/activating-tags.html).
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
        """Create the budget.

        Args:
            scope: Parent construct.
            id: Construct ID.
            name: Prefix of the budget's name, which ends in the percentages. It is unique in the account.
            usd: Monthly limit in US dollars.
            alert_percents: Percentages of the limit that trigger a notification.
            tag: Key and value of the tag whose costs count.
            topic: Topic for notifications.
        """
        super().__init__(scope, id)
        key, value = tag
        _Budget(
            self,
            "Budget",
            budget=_Budget.BudgetDataProperty(
                # Other notifications replace the budget, and a replacement cannot have the name of the replaced budget.
                budget_name="-".join([name, *map(str, alert_percents)]),
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

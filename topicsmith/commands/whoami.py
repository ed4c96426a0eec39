"""``whoami``: the account, caller and region of the credentials."""

from topicsmith.commands.options import AsJson, Environment
from topicsmith.core import output
from topicsmith.core.aws import connect


def whoami(env: Environment = "dev", as_json: AsJson = False) -> None:
    """Show the account, caller and region of your AWS credentials.

    The region of the environment's file applies if no other is set.

    Example:
      topicsmith whoami
    """
    clients = connect(env)
    record = {"account": clients.account, "caller": clients.caller, "region": clients.sts.meta.region_name}
    if as_json:
        output.print_json(record)
        return
    table = output.table("Account", "Region", "Caller")
    table.add_row(record["account"], record["region"], record["caller"])
    output.results().print(table)

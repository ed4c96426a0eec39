"""``promote``: promotion of an approved model to another environment."""

from pathlib import Path
from typing import Annotated

import typer

from topicsmith.commands.confirmation import confirm
from topicsmith.commands.models import approve_model
from topicsmith.commands.options import AsJson
from topicsmith.commands.promotion_table import comparison
from topicsmith.core import environment_file, output
from topicsmith.core.environment_file import EnvironmentFile
from topicsmith.promotion import candidate, served
from topicsmith.promotion import environments as sides
from topicsmith.promotion.environments import Side
from topicsmith.promotion.pinning import Pinning
from topicsmith.promotion.registering import Registering
from topicsmith.serving import rollout
from topicsmith.serving.serving import Endpoint

_REFUSED = 1
_FROM, _TO = "--from-profile", "--to-profile"


def promote(
    version: Annotated[
        int, typer.Argument(metavar="VERSION", min=1, help="The version to promote; `topicsmith models` lists them.")
    ],
    source_name: Annotated[str, typer.Option("--from", metavar="NAME", help="The source environment.")],
    target_name: Annotated[str, typer.Option("--to", metavar="NAME", help="The target environment.")],
    from_profile: Annotated[
        str | None,
        typer.Option(_FROM, metavar="PROFILE", help="AWS profile for the source.", show_default="your credentials"),
    ] = None,
    to_profile: Annotated[
        str | None,
        typer.Option(_TO, metavar="PROFILE", help="AWS profile for the target.", show_default="your credentials"),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Skip the confirmation.")] = False,
    wait: Annotated[bool, typer.Option("--wait", help="Wait until the endpoint serves the model.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the steps without making changes.")] = False,
    environments: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER", help="Folder of the environments' files.", show_default="environments/ of the checkout"
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Promote an approved model to another environment without retraining.

    The model must pass the gates of both environments. promotion.method of the
    target decides how: `register` copies the model to the target's registry and
    approves it there; `pin` pins it in the target's file, for a pull request.
    To go back, promote an earlier version.

    Example:
      topicsmith promote 3 --from dev --to prod --to-profile prod --wait
    """
    folder = environments or environment_file.folder()
    source, target = _reach(
        environment_file.read(folder, source_name),
        environment_file.read(folder, target_name),
        from_profile,
        to_profile,
    )
    chosen = candidate.find(source, version)
    thresholds = candidate.target_gate(target)
    candidate.require_good_enough(chosen, source, target, thresholds)
    present = served.now(target, source)
    if target.file.settings.promotion.method == "pin":
        way: Pinning | Registering = Pinning(source, target, chosen, present)
    else:
        way = Registering(source, target, chosen, present)
    steps = way.steps
    console = output.progress()
    console.print(comparison(source, target, chosen, present, thresholds))
    console.print("\n".join(["", *(f"To do: {step}." for step in steps)]), soft_wrap=True)
    if steps and not yes and not dry_run:
        confirm(f"Promote version {version} of {source_name} to {target_name}?")
    record = way.carry_out(_tell) if steps and not dry_run else None
    endpoint = None
    if isinstance(way, Registering) and not dry_run:
        endpoint = _serve(way, target, approves=bool(steps), wait=wait)
    if as_json:
        output.print_json(
            {
                "changed": record is not None,
                "steps": steps,
                "promotion": record.document() if record else None,
                "endpoint": endpoint.record() if endpoint else None,
            }
        )
        return
    results = output.results()
    if dry_run and steps:
        results.print("Dry run: nothing was changed.")
    else:
        results.print(way.outcome, soft_wrap=True)
        if endpoint:
            results.print(f"Endpoint {endpoint.name} serves it.")


def _reach(
    source: EnvironmentFile, target: EnvironmentFile, from_profile: str | None, to_profile: str | None
) -> tuple[Side, Side]:
    sides.require_declared(source, target)
    one = sides.reach(source, profile=from_profile, option=_FROM)
    other = sides.reach(target, profile=to_profile, option=_TO, beside=one)
    sides.require_one_account_or_two_named(one, other)
    return one, other


def _serve(way: Registering, target: Side, *, approves: bool, wait: bool) -> Endpoint | None:
    """Approve the registered model, or wait for the endpoint if it is already approved."""
    if approves and way.registered:
        return approve_model(target.clients, target.deployment, way.registered, wait=wait)
    if wait and way.registered:
        return rollout.Rollout(target.clients, target.deployment, way.registered, _tell_waiting).wait()
    return None


def _tell_waiting(state: str) -> None:
    _tell(f"Waiting: {state}")


def _tell(done: str) -> None:
    output.progress().print(done, soft_wrap=True)

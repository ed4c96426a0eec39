"""``tuning``: the trials of a tuning job."""

from rich.text import Text

from topicsmith.commands import chosen_run
from topicsmith.commands.options import AsJson, Environment, RunId
from topicsmith.core import output
from topicsmith.core.aws import connect
from topicsmith.runs import run_outputs, tuning
from topicsmith.runs.tuning import Tuning


def show_tuning(run_id: RunId, env: Environment = "dev", as_json: AsJson = False) -> None:
    """List the trials of a run's tuning job with their hyperparameters, best first.

    Also works while the job is running.

    Example:
      topicsmith tuning 7qk2v0xw9h3d
    """
    clients = connect(env)
    deployment, run = chosen_run.find(clients, env, run_id)
    found = tuning.get(clients.sagemaker, run_outputs.tuning_job(deployment, run).name)
    step = run.step(run_outputs.TUNE)
    tuned_in = step.cached_from if step and step.cached_from else run.id
    if as_json:
        output.print_json({"run": run.id, "tuned_in_run": tuned_in, **found.record()})
        return
    title = f"Tuning job {found.name} of run {tuned_in}: {found.status}"
    output.results().print(Text(title, style="bold"), soft_wrap=True)
    print_trials(found)


def print_trials(found: Tuning) -> None:
    """Print a table of trials to stdout, with the best one marked, and the reasons for failures."""
    console = output.results()
    metric = found.objective.removeprefix("validation:")
    table = output.table("", "Trial", "Status", metric, "Time", *found.tuned, right=["Trial", metric, "Time"])
    for trial in found.trials:
        best = trial is found.best
        table.add_row(
            Text("★" if best else "", style="green"),
            trial.number,
            trial.status,
            "" if trial.value is None else f"{trial.value:.4f}",
            output.duration(trial.seconds),
            *(tuning.shown(trial.hyperparameters.get(name, "")) for name in found.tuned),
        )
    console.print(table)
    for trial in found.trials:
        if trial.failure:
            console.print(f"Trial {trial.number} failed: {output.printable(trial.failure)}", soft_wrap=True)
    if found.failure:
        console.print(f"The tuning job failed: {output.printable(found.failure)}", soft_wrap=True)

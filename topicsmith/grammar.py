"""Commands that accept ``--local`` and ``--env`` before or after their name, and hints for misplaced arguments."""

import inspect
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from topicsmith.core import invocation

Local = Annotated[
    bool, typer.Option("--local", envvar=invocation.LOCAL_VARIABLE, help="Use the local cloud instead of AWS.")
]
_ENV = "--env"


class Command(TyperCommand):
    """Command that also accepts ``--env`` before its name."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse the arguments, preceded by the options given before the command's name."""
        root = ctx.find_root()
        _refuse_options_of(root, self, ctx, args)
        if environment := root.params.get("env"):
            if _ENV not in _options(self):
                ctx.fail(f"Command {self.name} has no option {_ENV}.")
            args = [_ENV, environment, *args]
        return super().parse_args(ctx, args)


class Group(TyperGroup):
    """Command group with hints for commands of other groups and for options of its commands."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse the arguments before the command's name."""
        own = _options(self)
        for argument in args:
            name = argument.partition("=")[0]
            if argument in self.commands or not argument.startswith("-") or argument == "--":
                break
            if name not in own and any(name in _options(command) for command in self.commands.values()):
                ctx.fail(f"{name} belongs after the command: {ctx.command_path} COMMAND {name}")
        return super().parse_args(ctx, args)

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """Return the command of that name and its arguments."""
        name = args[0]
        if name not in self.commands and (place := _other_place(self, ctx, name)):
            ctx.fail(f"No such command {name!r}. Did you mean: {place}")
        return super().resolve_command(ctx, args)


def with_local(function: Callable[..., None]) -> Callable[..., None]:
    """Add the option ``--local`` to the function of a command."""

    @wraps(function)
    def command(*, local_option: bool, **given: Any) -> None:
        if local_option:
            invocation.remember(local=True)
        function(**given)

    signature = inspect.signature(function)
    option = inspect.Parameter("local_option", inspect.Parameter.KEYWORD_ONLY, default=False, annotation=Local)
    command.__signature__ = signature.replace(parameters=[*signature.parameters.values(), option])  # type: ignore[attr-defined]
    command.__annotations__ = {**function.__annotations__, "local_option": Local}
    return command


def _refuse_options_of(root: Any, command: TyperCommand, ctx: Any, args: Sequence[str]) -> None:
    """Reject options that belong before the command."""
    misplaced = _options(root.command) - _options(command) - {_ENV}
    for argument in args:
        if argument == "--":
            return
        if argument in misplaced:
            ctx.fail(f"{argument} belongs before the command: {root.info_name} {argument} {command.name}")


def _other_place(group: Group, ctx: Any, name: str) -> str | None:
    """Return the command line of a command in another group, or None if there is no such command."""
    root = ctx.find_root()
    if group is not root.command:
        return f"{root.info_name} --local {name}" if name in root.command.commands else None
    for other_name, other in group.commands.items():
        if isinstance(other, TyperGroup) and name in other.commands:
            return f"{root.info_name} {other_name} {name}"
    return None


def _options(command: Any) -> set[str]:
    """Return the options of a command or group."""
    return {name for parameter in command.params for name in parameter.opts if name.startswith("-")} | {"--help", "-h"}

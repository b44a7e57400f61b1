"""
Command groups whose commands are imported when they are run, so that a command starts with what it needs alone.

A command is named as `module:function`, or `module:app` for a group of its own (a `typer.Typer`).
"""

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any, ClassVar

import typer
from typer.core import TyperGroup
from typer.main import get_command


def lazy_app(commands: Mapping[str, str | typer.Typer], text: str, *, nested: bool = False) -> typer.Typer:
    """Give an app with these commands by name, listed in this order; `text` is its help."""
    group = type("Commands", (_LazyGroup,), {"known": dict(commands)})
    app = typer.Typer(
        cls=group,
        help=text,
        no_args_is_help=True,
        add_completion=not nested,
        pretty_exceptions_enable=False,  # its tracebacks show local variables, and those hold people's data
    )
    app.callback(help=text)(_nothing)  # makes it a group, although it has no command yet
    return app


class _LazyGroup(TyperGroup):
    known: ClassVar[dict[str, str | typer.Typer]]

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002  the interface of a group
        return [*self.known]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name in self.known and cmd_name not in self.commands:
            self.commands[cmd_name] = _loaded(cmd_name, self.known[cmd_name])
        return super().get_command(ctx, cmd_name)


def _loaded(name: str, place: str | typer.Typer) -> Any:
    found: typer.Typer | Callable[..., Any]
    if isinstance(place, str):
        module, _, attribute = place.partition(":")
        found = getattr(import_module(module), attribute)
    else:
        found = place
    command = get_command(found if isinstance(found, typer.Typer) else _alone(name, found))
    command.name = name
    return command


def _alone(name: str, function: Callable[..., Any]) -> typer.Typer:
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command(name)(function)
    return app


def _nothing() -> None:
    pass

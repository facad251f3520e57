"""Options of the whole program. Each command takes them too: what stands last counts."""

from typing import Any, Final

import click
from click.core import ParameterSource

FORMATS: Final = ("table", "tsv", "csv", "json", "jsonl")


class Whole(click.IntRange):
    """A whole number within bounds. Its error names the rule."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The number that was given."""
        try:
            return super().convert(value, param, ctx)
        except click.BadParameter:
            end = "on" if self.max is None else f"to {self.max}"
            self.fail(f"{value!r} is not a whole number from {self.min} {end}", param, ctx)


def _keep(context: click.Context, parameter: click.Parameter, value: Any) -> Any:
    """Hand an option that was given to the session."""
    source = context.get_parameter_source(str(parameter.name))
    if source is not ParameterSource.DEFAULT:
        setattr(context.find_root().obj, str(parameter.name), value)
    return value


def shared(*, hidden: bool) -> list[click.Option]:
    """The options of the whole program, for one command."""

    def option(*names: str, **settings: Any) -> click.Option:
        return click.Option(names, hidden=hidden, expose_value=False, callback=_keep, **settings)

    def flag(name: str, text: str) -> click.Option:
        return option(name, is_flag=True, default=False, help=text)

    return [
        option("--profile", metavar="NAME", help="Whose stored token. Beats KMOMENT_TOKEN."),
        option(
            "--account",
            type=Whole(1),
            metavar="ID",
            help="The ad account. Else KMOMENT_ACCOUNT, else the profile's.",
        ),
        option("--base-url", metavar="URL", help="Another server, such as a sandbox."),
        flag("--insecure", "Allow http to another machine: the token travels unencrypted."),
        option("--format", type=click.Choice(FORMATS), help="Default: table, tsv into a pipe."),
        option("--columns", metavar="A,B", help="Only these columns, in this order."),
        flag("--excel", "csv, tsv: as Korean Excel reads them."),
        flag("--yes", "Do not ask before a write."),
        flag("--dry-run", "Show what would be written, and write nothing."),
        flag("--quiet", "No progress and no notes. Errors are still told."),
    ]


class Command(click.Command):
    """A command that takes the options of the whole program too."""

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self.params += shared(hidden=True)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        super().format_epilog(ctx, formatter)
        formatter.write_paragraph()
        formatter.write_text("The options of `kmoment --help` may stand here too.")


class Group(click.Group):
    """A group of commands, in the order in which they were written."""

    command_class = Command

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)

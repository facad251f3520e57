"""The table of commands."""

from importlib import import_module
from typing import Any, Final

import click

from ._options import shared

# Each group's file, and what the main help says of it. A file is imported when it is used.
_GROUPS: Final = {
    "auth": ("_auth", "Log in, and see which tokens are stored."),
    "doctor": ("_doctor", "Check settings, network, token and permissions."),
    "accounts": ("_accounts", "Ad accounts that the token may use."),
    "audiences": ("_audiences", "List, create, edit, link and delete audiences."),
    "places": ("_places", "Find the codes of places."),
    "targeting": ("_targeting", "Look up what an audience can target."),
    "profile": ("_profile", "Settings of a profile, such as its ad account."),
    "journal": ("_journal", "Show what the journal of a job says."),
    "fleet": ("_fleet", "Show what processes share over Redis."),
    "sandbox": ("_sandbox", "Run an offline Kakao Moment on this machine."),
    "completion": ("_completion", "Print the script that completes commands in a shell."),
}

_EPILOG: Final = """\
Exit codes: 0 done, 1 failed, 2 wrong usage, 3 some of many failed, 4 login needed,
5 outcome unknown (look before you repeat), 130 Ctrl-C.

\b
Environment: KMOMENT_TOKEN, KMOMENT_PROFILE, KMOMENT_HOME, KMOMENT_ACCOUNT,
KMOMENT_BASE_URL, KMOMENT_CLIENT_ID, KMOMENT_CLIENT_SECRET,
KMOMENT_REDIRECT_URI, KMOMENT_REDIS_URL, KMOMENT_FLEET, KMOMENT_DEBUG,
NO_COLOR.
"""


class _Root(click.Group):
    """The command, which imports a group of commands when it is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_GROUPS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _GROUPS:
            return None
        module = import_module(f".{_GROUPS[cmd_name][0]}", __package__)
        command: click.Command = module.commands
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] not in _GROUPS and not ctx.resilient_parsing:
            ctx.fail(_unknown(args[0]))
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in _GROUPS.items()])


def _unknown(name: str) -> str:
    from .._text import near_names

    near = near_names(name, _GROUPS)
    return f"no command {name!r}" + (f"; do you mean {near[0]!r}?" if near else "")


def _root() -> click.Group:
    made: Any = _Root(
        "kmoment",
        params=list(shared(hidden=False)),
        help="Kakao Moment audiences and targeting look-ups. Unofficial.",
        epilog=_EPILOG,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    group: click.Group = click.version_option(package_name="kmoment")(made)
    return group


root: Final = _root()

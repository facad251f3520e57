"""``kmoment sandbox``."""

from __future__ import annotations

import click

from ._options import Command, Whole

_HELP = """\
Run an offline Kakao Moment on this machine, until Ctrl-C.

It prints what to export, so that every command can be tried in another terminal.
"""


@click.command(cls=Command, help=_HELP)
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--port", type=Whole(0, 65535), default=0, help="Default: any free port.")
@click.option("--accounts", type=Whole(1), default=1, help="How many; ids from 1234.")
@click.option("--seed", type=int, default=0, help="Decides the token and the data.")
@click.option("--no-quota", is_flag=True, help="Apply no quota at all.")
@click.option(
    "--consent",
    type=click.Choice(["ask", "agree", "deny"]),
    default="ask",
    show_default=True,
    help="What the consent page of a login does.",
)
def commands(host: str, port: int, accounts: int, seed: int, no_quota: bool, consent: str) -> None:
    """Hand over to the sandbox's own command."""
    from ..sandbox import __main__ as own

    given: dict[str, object] = {
        "--host": host,
        "--port": port,
        "--accounts": accounts,
        "--seed": seed,
    }
    given["--consent"] = consent
    words = [str(word) for pair in given.items() for word in pair]
    own.main([*words, *["--no-quota"] * no_quota])

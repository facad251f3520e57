"""``kmoment completion``."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from ._options import Command

_HELP = """\
Print the script that completes commands in a shell.

\b
  ~/.bashrc                  eval "$(kmoment completion bash)"
  ~/.zshrc                   eval "$(kmoment completion zsh)"
  ~/.config/fish/config.fish kmoment completion fish | source
"""


@click.command(cls=Command, help=_HELP)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def commands(context: click.Context, shell: str) -> None:
    """Print click's own script."""
    made = get_completion_class(shell)
    assert made is not None, shell
    script = made(context.find_root().command, {}, "kmoment", "_KMOMENT_COMPLETE")
    print(script.source())

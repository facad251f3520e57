"""`python -m kmoment.sandbox` runs a sandbox in the foreground until Ctrl-C or SIGTERM."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
from collections.abc import Mapping, Sequence
from contextlib import suppress

from . import Sandbox


def main(arguments: Sequence[str] | None = None) -> None:
    parser = _parser()
    options = parser.parse_args(arguments)
    # On Windows the loop cannot handle signals. There Ctrl-C raises KeyboardInterrupt.
    with suppress(KeyboardInterrupt):
        try:
            asyncio.run(_serve(options))
        except (OSError, OverflowError) as error:  # the port is taken or not valid
            parser.error(str(error))


async def _serve(options: argparse.Namespace) -> None:
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        with suppress(NotImplementedError):
            asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    async with _sandbox(options) as sandbox:
        sandbox.set_consent(options.consent)
        print(_greeting(sandbox), flush=True)
        await stopped.wait()


def _sandbox(options: argparse.Namespace) -> Sandbox:
    return Sandbox(
        host=options.host,
        port=options.port,
        seed=options.seed,
        quota=not options.no_quota,
        layout=options.layout,
        quirks=options.quirks,
        accounts=range(1234, 1234 + options.accounts),
    )


def _greeting(sandbox: Sandbox) -> str:
    account = sandbox.accounts[0]
    variables = {
        "KMOMENT_BASE_URL": sandbox.url,
        "KMOMENT_ACCOUNT": account,
        "KMOMENT_TOKEN": sandbox.token,
    }
    login = {
        "KMOMENT_CLIENT_ID": sandbox.app.client_id,
        "KMOMENT_CLIENT_SECRET": sandbox.app.client_secret or "",
        "KMOMENT_REDIRECT_URI": "http://localhost:8765/callback",
    }
    return f"""\
url: {sandbox.url}
token: {sandbox.token}
account: {account}
curl -H "Authorization: Bearer {sandbox.token}" -H "adAccountId: {account}" \
{sandbox.url}/openapi/v4/targetings/audiences
client id: {sandbox.app.client_id}
client secret: {sandbox.app.client_secret}
{_exports(variables)}
# To try `kmoment auth login` instead, unset KMOMENT_TOKEN, and:
{_exports(login)}"""


def _exports(variables: Mapping[str, object]) -> str:
    """What to type, so that the command `kmoment` uses the sandbox."""
    export = "$env:{}='{}'" if os.name == "nt" else "export {}={}"
    return "\n".join(export.format(*pair) for pair in variables.items())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m kmoment.sandbox", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on")
    parser.add_argument("--port", type=int, default=0, help="0 takes any free port")
    parser.add_argument("--seed", type=int, default=0, help="decides the token and the data")
    parser.add_argument("--no-quota", action="store_true", help="apply no quota at all")
    parser.add_argument("--layout", choices=("nested", "flat"), default="nested")
    parser.add_argument("--quirks", action="store_true", help="use the spelling of Kakao's samples")
    parser.add_argument(
        "--consent", choices=("ask", "agree", "deny"), default="ask", help="at a login's page"
    )
    parser.add_argument("--accounts", type=_positive, default=1, help="how many; ids from 1234")
    return parser


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return number


if __name__ == "__main__":
    main()

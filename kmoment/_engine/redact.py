"""Takes the token out of a response: a gateway may repeat the request in its error page."""

from typing import Final

from .._protocol.http import Response
from .._secret import Secret

_HIDDEN: Final = "***"
_CHARSETS: Final = ("utf-8", "utf-16-le", "utf-16-be")
"""Each writes the ASCII of a token in another way. All other charsets write it as UTF-8 does."""


def redacted(response: Response, token: Secret) -> Response:
    """*response* without the token, in its body and in its headers."""
    body = response.body
    for charset in _CHARSETS:
        body = body.replace(token.reveal().encode(charset), _HIDDEN.encode(charset))
    headers = {
        name.lower(): value.replace(token.reveal(), _HIDDEN)
        for name, value in response.headers.items()
    }
    return Response(response.status, headers, body)

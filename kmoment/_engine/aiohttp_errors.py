"""aiohttp's errors in our words. Its own texts print the request's headers, with the token."""

from typing import Final

import aiohttp

from .._protocol.http import TransportError

NO_CONNECTION: Final = "no connection within the timeout"
CLOSED: Final = "the client was closed"
_UNTRUSTED: Final = "the server's certificate is not trusted"

_REASONS: Final[tuple[tuple[type[Exception], str], ...]] = (
    (aiohttp.ClientConnectorCertificateError, _UNTRUSTED),
    (aiohttp.ClientSSLError, "TLS could not be set up"),
    (aiohttp.ClientConnectorDNSError, "the host name could not be resolved"),
    (aiohttp.ClientProxyConnectionError, "the proxy could not be reached"),
    (aiohttp.ClientHttpProxyError, "the proxy did not let the request through"),
    (TimeoutError, NO_CONNECTION),
    (aiohttp.ClientConnectorError, "the connection was refused"),
    (aiohttp.ClientPayloadError, "the answer was cut off"),
    (aiohttp.ClientConnectionError, "the connection was lost"),
    (OSError, "the connection was lost"),
    (RuntimeError, CLOSED),
)


def explain(error: Exception, *, sent: bool) -> TransportError:
    """*error* as one of ours."""
    for kind, reason in _REASONS:
        if isinstance(error, kind):
            return TransportError(reason, final=reason is _UNTRUSTED)
    if "Got more than" in str(getattr(error, "message", "")):  # aiohttp's LineTooLong
        return TransportError("the answer's headers are larger than aiohttp reads", broken=sent)
    return TransportError("the answer is not HTTP as the API speaks it", broken=sent)

"""aiohttp's errors in our words. Its own texts print the request's headers, with the token."""

import errno
from typing import Any, Final

import aiohttp

from .._protocol.http import TransportError
from .context import AttemptState

CLOSED: Final = "the client was closed"

# By the number that OpenSSL gives (x509_vfy.h).
_CERTIFICATES: Final = {
    9: "is not valid yet",
    10: "has expired",
    18: "is self-signed",
    19: "is signed by an unknown authority, which signed itself",
    20: "is signed by an unknown authority",
    21: "is signed by an unknown authority",
    62: "is for another host",
    64: "is for another address",
}
_UNKNOWN_ISSUER: Final = (18, 19, 20, 21)
_TRUST: Final = "; to trust its authority, set SSL_CERT_FILE or pass ssl="

_CONNECTS: Final = {
    errno.ECONNREFUSED: "the connection to {} was refused",
    errno.ENETUNREACH: "the network of {} cannot be reached",
    errno.EHOSTUNREACH: "there is no route to {}",
    errno.ETIMEDOUT: "the connection to {} timed out",
    errno.ECONNRESET: "the connection to {} was reset",
    errno.EMFILE: "no connection to {}: this process has too many files open",
}

_REASONS: Final[tuple[tuple[type[Exception], str], ...]] = (
    (RuntimeError, CLOSED),
    (aiohttp.ClientPayloadError, "the answer was cut off"),
    (aiohttp.ServerDisconnectedError, "the server closed the connection"),
    (ConnectionResetError, "the connection was reset"),
    (aiohttp.ClientConnectionError, "the connection was lost"),
    (OSError, "the connection was lost"),
)


def explain(error: Exception, *, sent: bool) -> TransportError:
    """*error* as one of ours."""
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return TransportError(_certificate(error), final=True)
    if isinstance(error, aiohttp.ClientHttpProxyError):
        return TransportError(_proxy(error))
    if isinstance(error, aiohttp.ClientConnectorError):
        return TransportError(_connect(error))
    for kind, reason in _REASONS:
        if isinstance(error, kind):
            return TransportError(reason)
    if "Got more than" in str(getattr(error, "message", "")):  # aiohttp's LineTooLong
        return TransportError("the answer's headers are larger than aiohttp reads", broken=sent)
    return TransportError("the answer is not HTTP as the API speaks it", broken=sent)


def silent(error: Exception) -> bool:
    """Whether the connection ended before a byte of the response came."""
    if isinstance(error, aiohttp.ServerDisconnectedError):
        return isinstance(error.message, str)  # otherwise it is the part of the head that came
    return isinstance(error, aiohttp.ClientOSError | ConnectionError)


def _certificate(error: aiohttp.ClientConnectorCertificateError) -> str:
    code = getattr(error.certificate_error, "verify_code", 0)
    what = _CERTIFICATES.get(code, "is not trusted")
    return f"the certificate of {error.host} {what}{_TRUST if code in _UNKNOWN_ISSUER else ''}"


def _proxy(error: aiohttp.ClientHttpProxyError) -> str:
    if error.status == 407:
        return "the proxy wants a user and a password (407): http://user:password@host:port"
    return f"the proxy did not let the request through ({error.status})"


def _connect(error: aiohttp.ClientConnectorError) -> str:
    where = f"{error.host}:{error.port}"
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return f"the host name {error.host} could not be resolved"
    if isinstance(error, aiohttp.ClientConnectorSSLError):
        return f"TLS with {where} could not be set up"
    via = "the proxy " if isinstance(error, aiohttp.ClientProxyConnectionError) else ""
    text = _CONNECTS.get(error.os_error.errno or 0, "there is no connection to {}")
    return text.format(via + where)


def connect_timed_out(attempt: AttemptState, url: Any, proxy: Any, seconds: float) -> str:
    """What a connection that was not ready in time was waiting for."""
    where = url.authority if proxy is None else f"the proxy {proxy.authority}"
    if not attempt.sockets:
        return f"the address of {where} was not found within {seconds:g} s"
    if not any(map(_is_connected, attempt.sockets)):
        return f"no connection to {where} within {seconds:g} s"
    if proxy is None:
        return f"TLS with {where} was not set up within {seconds:g} s"
    return f"{where} did not answer CONNECT within {seconds:g} s"


def _is_connected(socket: Any) -> bool:
    try:
        socket.getpeername()
    except OSError:
        return False
    return True

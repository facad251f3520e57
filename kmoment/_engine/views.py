"""How a client makes a view of itself, whatever constructor a user's subclass has."""

from typing import Any, Self

from .._secret import Secret


class Viewable:
    """The base of both clients. A view is constructed with the arguments of the original.

    So the constructor of a subclass runs for its views too. Only what the base would open and
    check anew is handed over: the constructor finds it and leaves it as it is.
    """

    _arguments: Secret

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        client = super().__new__(cls)
        client._arguments = Secret((args, kwargs))  # the token is among them
        return client

    def _constructed_again(self, **handed_over: Any) -> Self:
        kind, arguments = type(self), self._arguments
        view = kind.__new__(kind, *arguments.reveal()[0], **arguments.reveal()[1])
        for name, value in handed_over.items():
            setattr(view, name, value)
        kind.__init__(view, *arguments.reveal()[0], **arguments.reveal()[1])
        return view

# Made from kmoment/resources/accounts.py by `nox -s mirror`: edit that one.
"""Ad accounts that the token may use."""

from ... import _validate
from ..._protocol.call import Call
from ..._protocol.endpoints import ACCOUNT_BALANCE, ACCOUNT_PAGES, GET_ACCOUNT
from ..._protocol.paging import Pages
from .._sender import Sender
from ...models import AdAccount, AdAccountBalance, AdAccountConfig, AdAccountPage

# Inside the class, `list` is the method.
AdAccounts = list[AdAccount]


class Accounts:
    """The ad accounts of the token's user."""

    __slots__ = ("_sender",)

    def __init__(self, sender: Sender) -> None:
        self._sender = sender

    def list(
        self, *, config: AdAccountConfig | str | None = None, size: int = 100
    ) -> AdAccounts:
        """List all ad accounts: every page, one after the other.

            for row in moment.accounts.list():
                print(row.id, row.name, row.config)

        :param config: Only accounts that are ``ON``, ``OFF`` or ``DEL`` (deleted). Kakao's default
            is ``ON`` and ``OFF``. It takes one word: several, joined by commas, are refused for
            some callers.
        :param size: Accounts in one page. Kakao's default is 10. Its maximum is not known.
        :raises InvalidArgumentError: An argument breaks its rule. Nothing was sent.
        :raises PartialListError: The pages repeat, or do not bring as many accounts as Kakao says.
            What came is in ``partial``.
        :raises APIError: A call failed. It only reads, so it may be repeated.

        https://developers.kakao.com/docs/latest/en/kakaomoment/ad-account
        """
        call = _pages(config, 0, size)
        pages = Pages(call, size)
        while pages.add(self._sender.send(call)):
            call = _pages(config, pages.number, size)
        return pages.rows

    def pages(
        self,
        page: int = 0,
        *,
        config: AdAccountConfig | str | None = None,
        size: int = 10,
    ) -> AdAccountPage:
        """Get one page of the list of ad accounts.

            first = moment.accounts.pages()
            print(len(first.content), first.total_elements)

        :param page: Counted from 0.
        :param config: As for :meth:`list`.
        :param size: Accounts in one page. Kakao's maximum is not known.
        :raises InvalidArgumentError: An argument breaks its rule. Nothing was sent.
        :raises APIError: The call failed. It only reads, so it may be repeated.

        https://developers.kakao.com/docs/latest/en/kakaomoment/ad-account
        """
        return self._sender.send(_pages(config, page, size))

    def get(self, ad_account_id: int) -> AdAccount:
        """Get one ad account.

        :raises InvalidArgumentError: The id is not a positive 64-bit integer. Nothing was sent.
        :raises NotFoundError: There is no such ad account.
        :raises APIError: The call failed. It only reads, so it may be repeated.

        https://developers.kakao.com/docs/latest/en/kakaomoment/reference
        """
        return self._sender.send(
            Call(
                endpoint=GET_ACCOUNT,
                returns=AdAccount,
                path={"id": _validate.ident("ad_account_id", ad_account_id)},
            )
        )

    def balance(self, ad_account_id: int) -> AdAccountBalance:
        """Get the money that an ad account has left, in won.

        :raises InvalidArgumentError: The id is not a positive 64-bit integer. Nothing was sent.
        :raises APIError: The call failed. It only reads, so it may be repeated.

        https://developers.kakao.com/docs/latest/en/kakaomoment/reference
        """
        return self._sender.send(
            Call(
                endpoint=ACCOUNT_BALANCE,
                returns=AdAccountBalance,
                account=_validate.ident("ad_account_id", ad_account_id),
            )
        )


def _pages(config: AdAccountConfig | str | None, page: int, size: int) -> Call[AdAccountPage]:
    """The call for one page."""
    only = {} if config is None else {"config": _validate.word("config", config)}
    numbers = {
        "page": _validate.number("page", page),
        "size": _validate.count("size", size),
    }
    return Call(endpoint=ACCOUNT_PAGES, returns=AdAccountPage, query={**only, **numbers})

"""The store that a profile names, and how it is used so that no token is lost."""

from secrets import token_hex
from typing import Final

from .._secret import Secret
from ._credentials import Credential, Store
from ._errors import CredentialStoreError
from ._files import FileStore
from ._keyring import KeyringStore
from ._profiles import Profile, StoreName

PROBE: Final = "-probe-"
"""How the names begin under which a store is tried. No profile's name does."""


def store_of(profile: Profile) -> Store:
    """The store that the profile names."""
    return FileStore() if profile.store == "file" else KeyringStore()


def try_store(name: StoreName) -> None:
    """Write to a store of this machine, read it back, and remove it. The keyring has 3 s.

    :raises CredentialStoreError: The store does not do this.
    """
    probe(FileStore() if name == "file" else KeyringStore())


def probe(store: Store) -> None:
    """Write, read back and remove: what fails after a consent costs a token.

    :raises CredentialStoreError: The store does not do this.
    """
    name = PROBE + token_hex(4)  # another login may try it at the same time
    keep(store, name, Credential(Secret("probe"), "probe"))
    store.delete(name)


def keep(store: Store, profile: str, credential: Credential) -> None:
    """Write a token, and read it back.

    :raises CredentialStoreError: It is not there.
    """
    store.write(profile, credential)
    found = store.read(profile)
    if found is None or found.token.reveal() != credential.token.reveal():
        raise CredentialStoreError(store.name, "forgets what it is given")

"""
Where a lender's node is put together from its folder: the book, the rulebook it trusts, the way to the key holders.

Every command opens what it needs and no more: checking a source needs no node.
"""

import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from pathlib import Path

from consortium.errors import Code, CreditError
from consortium.hashing import derive, uint
from consortium.labels import Label
from consortium.membership.genesis import FIRST_GENERATION
from consortium.model.identifiers import NormalisedIdentifier, Secret
from consortium.model.rulebook import Member, Oprf, Rulebook, threshold_key, verify_rulebook
from consortium.model.signing import Signer
from consortium.rules.queries import taking_part
from consortium.silent import Silent
from participants.gateway_client.channel import Tls
from participants.gateway_client.holders import RemoteHolder
from participants.generations import book_path
from participants.insecure_local_holders import InsecureLocalHolder
from participants.lender.protect import LendersSecrets
from participants.lender.tokenise import Alarm, HolderLink, HolderSession, Token, Tokeniser
from participants.lender.tokens import Tokenises
from participants.rulebooks import TrustedRulebooks
from participants.secret_files import find_secrets
from participants.settings import Folder, HolderSettings, NodeSettings, RulebookFiles, ShareFile
from participants.storage.book import SqliteBook
from participants.storage.book_rows import BookIdentity
from participants.storage.locks import exclusive
from participants.storage.requests import SqliteRequests

LOCK_NAME = "requests.lock"


@contextmanager
def open_book(settings: NodeSettings, oprf: Oprf | None = None) -> Iterator[SqliteBook]:
    """
    Open the node's book of the generation in force, or of `oprf`.

    Raises as `SqliteBook` and `open_rulebooks`, and CreditError(SETTINGS_INVALID).
    """
    if oprf is None:
        oprf = open_rulebooks(settings, settings.file.rulebook, settings.file.rulebooks).current().document.oprf
    with open_generation(settings, oprf.generation) as book:
        yield book


@contextmanager
def open_generation(settings: NodeSettings, generation: int) -> Iterator[SqliteBook]:
    """Open the node's book of a generation; raises as `SqliteBook`, and CreditError(SETTINGS_INVALID)."""
    secret = settings.own_keys().book_secret
    if generation != FIRST_GENERATION:  # so that not even the empty books of two generations look alike
        secret = derive(secret, Label.BOOK_GENERATION, uint(generation))
    identity = BookIdentity(settings.file.member, Secret(secret))
    with closing(SqliteBook(book_path(settings, generation), identity)) as book:
        yield book


def open_rulebooks(settings: Folder, files: RulebookFiles, later: Path) -> TrustedRulebooks:
    """
    Read the first rulebook, verify it by its fingerprint, and follow the later ones in the folder.

    Raises CreditError(RULEBOOK_INVALID), (SIGNATURE_INVALID), (SHARE_KEYS_INCONSISTENT) or (SETTINGS_INVALID).
    """
    signatures = settings.signatures(files.signatures)
    first = verify_rulebook(settings.read(files.file), signatures, fingerprint=files.fingerprint)
    return TrustedRulebooks(first, settings.path(later))


def open_rulebook(settings: NodeSettings, now: int) -> Rulebook:
    """Give the rulebook in force; raises as `open_rulebooks`, and CreditError(RULEBOOK_INVALID) once it has expired."""
    rulebook = open_rulebooks(settings, settings.file.rulebook, settings.file.rulebooks).current()
    rulebook.check_current(now)
    return rulebook


class SharedTokeniser(Silent):
    """A tokeniser whose counters several processes share: each call waits for the call of another to end."""

    def __init__(self, tokeniser: Tokeniser, lock: Path) -> None:
        self._tokeniser = tokeniser
        self._lock = lock

    def tokenise(self, identifiers: Sequence[NormalisedIdentifier]) -> list[Token]:
        """Give the token of each identifier, in order; raises as `Tokeniser.tokenise`, or CreditError(STORAGE_BUSY)."""
        with exclusive(self._lock):
            return self._tokeniser.tokenise(identifiers)


@contextmanager
def open_tokeniser(
    settings: NodeSettings,
    alarm: Alarm,
    clock: Callable[[], float] = time.time,
    tls: Callable[[], Tls] | None = None,
    *,
    upcoming: bool = False,
) -> Iterator[Tokenises]:
    """
    Open the way from identifiers to tokens; `alarm` is told of every failure of a holder, `tls` gives the certificate.

    With `upcoming`, to tokens of the generation that is announced; CreditError(RULEBOOK_MISMATCH) where none is.

    Raises as `open_rulebook`; CreditError(RULEBOOK_MISMATCH) where the secrets are of another generation or epoch, and
    (SETTINGS_INVALID) where the rulebook does not know this node's key, or a holder is not one of the rulebook's.
    """
    rulebook = open_rulebook(settings, int(clock()))
    signer = _signer(settings, rulebook)
    oprf = announced(rulebook) if upcoming else rulebook.document.oprf
    lenders_secrets = find_secrets(settings, rulebook, oprf)
    indexes = {holder.member: holder.index for holder in oprf.holders}
    with ExitStack() as stack:
        journal = stack.enter_context(closing(SqliteRequests(settings.path(settings.file.requests))))
        links = {}
        for name, holder in settings.file.holders.items():
            if name not in indexes:
                raise CreditError(Code.SETTINGS_INVALID, f"holders.{name}: no key holder of the rulebook")
            channel = _channel(settings, holder, rulebook, clock, tls or partial(open_tls, settings))
            stack.callback(channel.close)
            session = HolderSession(settings.file.member, signer, journal, indexes[name], lenders_secrets.generation)
            links[indexes[name]] = HolderLink(session, channel)
        key = threshold_key(oprf)
        threads = stack.enter_context(ThreadPoolExecutor(max(1, len(links)), thread_name_prefix="holder"))
        tokeniser = Tokeniser(lenders_secrets, key, links, secrets.token_bytes, alarm=alarm, executor=threads)
        yield SharedTokeniser(tokeniser, settings.path(Path(LOCK_NAME)))


def announced(rulebook: Rulebook) -> Oprf:
    """Give the generation that is announced; raises CreditError(RULEBOOK_MISMATCH) where none is."""
    if rulebook.document.upcoming is None:
        raise CreditError(Code.RULEBOOK_MISMATCH, "no generation is announced")
    return rulebook.document.upcoming


def open_tls(settings: NodeSettings) -> Tls:
    """Read certificate, key and CA; raises CreditError(SETTINGS_INVALID) where the node has none."""
    files = settings.file.tls
    if files is None:
        raise CreditError(Code.SETTINGS_INVALID, "tls: needed to reach anybody by network")
    return Tls(settings.read(files.certificate), settings.read_private(files.key), settings.read(files.ca))


def _channel(
    settings: NodeSettings,
    holder: HolderSettings,
    rulebook: Rulebook,
    clock: Callable[[], float],
    tls: Callable[[], Tls],
) -> InsecureLocalHolder | RemoteHolder:
    if holder.insecure_local_share is None:
        return RemoteHolder(str(holder.address), tls())
    share = settings.read_secret(holder.insecure_local_share, ShareFile)
    ledger = settings.path(holder.insecure_local_share).with_suffix(".db")
    return InsecureLocalHolder(share, rulebook, ledger, secrets.token_bytes, clock)


def _signer(settings: NodeSettings, rulebook: Rulebook) -> Signer:
    return own_signer(settings, taking_part(rulebook, settings.file.member))


def own_signer(settings: NodeSettings, member: Member) -> Signer:
    """Give the identity key that the rulebook pins; raises CreditError(SETTINGS_INVALID) where it is not here."""
    for signer in settings.identity_signers():
        if signer.public == member.identity_key:
            return signer
    raise CreditError(Code.SETTINGS_INVALID, "the identity key is not the one that the rulebook pins for the member")


def open_secrets(settings: NodeSettings, rulebook: Rulebook) -> LendersSecrets:
    """Read what lenders share, of the generation and epoch in force; raises as `find_secrets`."""
    return find_secrets(settings, rulebook)

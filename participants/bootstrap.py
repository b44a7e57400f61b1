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
from consortium.membership.changeover import generation_before, generations_held
from consortium.model.identifiers import NormalisedIdentifier
from consortium.model.rulebook import Member, Oprf, Rulebook, RulebookDocument, threshold_key, verify_rulebook
from consortium.model.signing import Signer
from consortium.oprf.elements import BlindedElement, Evaluation
from consortium.oprf.sharing import ThresholdKey
from consortium.rules.queries import taking_part
from consortium.silent import Silent
from participants.gateway_client.channel import Tls
from participants.gateway_client.holders import RemoteHolder
from participants.generations import Books, book_identity, book_path
from participants.insecure_local_holders import InsecureLocalHolder
from participants.lender.protect import LendersSecrets
from participants.lender.tokenise import Alarm, HolderLink, HolderSession, Token, Tokeniser
from participants.lender.tokens import GenerationsTokeniser, Tokenises
from participants.rulebooks import TrustedRulebooks
from participants.secret_files import find_secrets
from participants.settings import Folder, HolderSettings, NodeSettings, RulebookFiles, ShareFile
from participants.storage.book import SqliteBook
from participants.storage.locks import exclusive
from participants.storage.requests import SqliteRequests

LOCK_NAME = "requests.lock"
Beside = Callable[[RulebookDocument, int], Sequence[Oprf]]
"""Gives generations beside the one in force, by a rulebook and the time."""


@contextmanager
def open_book(settings: NodeSettings) -> Iterator[SqliteBook]:
    """
    Open the node's book of the generation in force, which takes over first where it only has to.

    Raises as `SqliteBook` and `open_rulebooks`, and CreditError(SETTINGS_INVALID), (BOOK_BEHIND).
    """
    with open_books(settings) as (books, rulebook):
        yield books.in_use(rulebook)


@contextmanager
def open_books(settings: NodeSettings) -> Iterator[tuple[Books, Rulebook]]:
    """Open the node's books, with the rulebook in force; what only has to take over does. Raises as `open_book`."""
    rulebook = open_rulebooks(settings, settings.file.rulebook, settings.file.rulebooks).current()
    with closing(Books(settings)) as books:
        books.change_over(rulebook)
        yield books, rulebook


@contextmanager
def open_generation(settings: NodeSettings, generation: int) -> Iterator[SqliteBook]:
    """Open the node's book of a generation; raises as `SqliteBook`, and CreditError(SETTINGS_INVALID)."""
    with closing(SqliteBook(book_path(settings, generation), book_identity(settings, generation))) as book:
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


def carried(document: RulebookDocument, now: int) -> Sequence[Oprf]:
    """Give the generation before, while queries carry its tags."""
    before = generation_before(document, now)
    return () if before is None else (before,)


def written(document: RulebookDocument, now: int) -> Sequence[Oprf]:
    """Give the generations whose tags are kept beside what is written: the one before, and the one announced."""
    return (*carried(document, now), *([document.upcoming] if document.upcoming else []))


def inquired(document: RulebookDocument, now: int) -> Sequence[Oprf]:
    """Give the generations before that key holders still evaluate for."""
    return tuple(one for one in generations_held(document, now) if one.generation < document.oprf.generation)


class SharedTokeniser(Silent):
    """A tokeniser whose counters several processes share: each call waits for the call of another to end."""

    def __init__(self, tokeniser: Tokenises, lock: Path) -> None:
        self._tokeniser = tokeniser
        self._lock = lock

    def tokenise(self, identifiers: Sequence[NormalisedIdentifier]) -> list[Token]:
        """Give the token of each identifier, in order; raises as `Tokeniser.tokenise`, or CreditError(STORAGE_BUSY)."""
        with exclusive(self._lock):
            return self._tokeniser.tokenise(identifiers)


class SharedAsks(Silent):
    """A `Tokeniser` whose counters several processes share, for batches that are blinded and finalized elsewhere."""

    def __init__(self, tokeniser: Tokeniser, lock: Path) -> None:
        self._tokeniser = tokeniser
        self._lock = lock

    @property
    def key(self) -> ThresholdKey:
        """The key whose holders are asked."""
        return self._tokeniser.key

    @property
    def secrets(self) -> LendersSecrets:
        """What identifiers and tags are hashed under."""
        return self._tokeniser.secrets

    def ask(self, elements: tuple[BlindedElement, ...]) -> dict[int, Evaluation]:
        """Have a batch evaluated; raises as `Tokeniser.ask`, or CreditError(STORAGE_BUSY)."""
        with exclusive(self._lock):
            return self._tokeniser.ask(elements)

    def evaluate(self, inputs: Sequence[bytes]) -> list[bytes]:
        """Give verified outputs; raises as `Tokeniser.evaluate`, or CreditError(STORAGE_BUSY)."""
        with exclusive(self._lock):
            return self._tokeniser.evaluate(inputs)


@contextmanager
def open_tokeniser(
    settings: NodeSettings,
    alarm: Alarm,
    clock: Callable[[], float] = time.time,
    tls: Callable[[], Tls] | None = None,
    beside: Beside = carried,
) -> Iterator[Tokenises]:
    """
    Open the way from identifiers to tokens; `alarm` is told of every failure of a holder, `tls` gives the certificate.

    `beside` says which generations the tokens have others of. Raises as `open_rulebook`;
    CreditError(RULEBOOK_MISMATCH) where secrets are missing or of another generation or epoch, and
    (SETTINGS_INVALID) where the rulebook does not know this node's key, or a holder is not one of the rulebook's.
    """
    with _open_ways(settings, alarm, clock, tls) as (ways, rulebook, now):
        others = [ways.tokeniser(one) for one in beside(rulebook.document, now)]
        tokeniser: Tokenises = ways.tokeniser(rulebook.document.oprf)
        tokeniser = GenerationsTokeniser(tokeniser, others) if others else tokeniser
        yield SharedTokeniser(tokeniser, settings.path(Path(LOCK_NAME)))


@contextmanager
def open_asks(settings: NodeSettings, alarm: Alarm, clock: Callable[[], float] = time.time) -> Iterator["SharedAsks"]:
    """Open the way to the key holders for whoever blinds and finalizes elsewhere; raises as `open_tokeniser`."""
    with _open_ways(settings, alarm, clock, None) as (ways, rulebook, _):
        yield SharedAsks(ways.tokeniser(rulebook.document.oprf), settings.path(Path(LOCK_NAME)))


@contextmanager
def _open_ways(
    settings: NodeSettings, alarm: Alarm, clock: Callable[[], float], tls: Callable[[], Tls] | None
) -> Iterator[tuple["_Ways", Rulebook, int]]:
    now = int(clock())
    rulebook = open_rulebook(settings, now)
    with ExitStack() as stack:
        ways = _Ways(settings, rulebook, stack, alarm)
        holders = {holder.member for holder in rulebook.document.oprf.holders}
        for name, holder in settings.file.holders.items():
            if name not in holders:
                raise CreditError(Code.SETTINGS_INVALID, f"holders.{name}: no key holder of the rulebook")
            channel = _channel(settings, holder, rulebook, clock, tls or partial(open_tls, settings))
            stack.callback(channel.close)
            ways.channels[name] = channel
        yield ways, rulebook, now


class _Ways:
    """What the tokenisers of several generations share: channels, threads, the journal of requests."""

    def __init__(self, settings: NodeSettings, rulebook: Rulebook, stack: ExitStack, alarm: Alarm) -> None:
        self._settings, self._rulebook, self._alarm = settings, rulebook, alarm
        self._signer = _signer(settings, rulebook)
        self._journal = stack.enter_context(closing(SqliteRequests(settings.path(settings.file.requests))))
        count = max(1, len(settings.file.holders))
        self._threads = stack.enter_context(ThreadPoolExecutor(count, thread_name_prefix="holder"))
        self.channels: dict[str, InsecureLocalHolder | RemoteHolder] = {}

    def tokeniser(self, oprf: Oprf) -> Tokeniser:
        """Give the tokeniser of a generation, over the channels there are."""
        found = find_secrets(self._settings, self._rulebook, oprf)
        indexes, links = {holder.member: holder.index for holder in oprf.holders}, {}
        for name, channel in self.channels.items():
            if name not in indexes:
                continue
            member, index = self._settings.file.member, indexes[name]
            session = HolderSession(member, self._signer, self._journal, index, found.generation)
            links[index] = HolderLink(session, channel)
        return Tokeniser(
            found, threshold_key(oprf), links, secrets.token_bytes, alarm=self._alarm, executor=self._threads
        )


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

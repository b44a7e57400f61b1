"""Where the parts of a serving lender's node are put together; every function gives one part."""

import logging
import secrets
import time
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from functools import cached_property

from consortium.errors import Code, CreditError
from consortium.model.identifiers import Secret
from consortium.model.keys import SECONDS_PER_DAY, utc_day
from consortium.model.members import MemberId
from consortium.model.receipts import Receipt
from consortium.model.rounds import Transcript
from consortium.model.rulebook import Rulebook
from consortium.rules.profiles import paillier_profile
from consortium.rules.queries import taking_part
from participants.book_generations import BookGenerations
from participants.bootstrap import open_rulebooks, open_secrets, own_signer
from participants.both_books import ApplicationsInBooks
from participants.gateway_client.asking import AskClient
from participants.gateway_client.channel import Tls
from participants.gateway_client.lender import ask_gateway
from participants.generations import BookBehind, Books
from participants.holder_files import read_holder_counts
from participants.keys.obfuscators import ObfuscatorPool
from participants.keys.pads import PadPool
from participants.keys.query_key import QueryKeyFiles
from participants.lender.answer import Contributor
from participants.lender.answer_ports import BookReader
from participants.lender.ask import Requester, new_query_key
from participants.lender.assess import Assessor
from participants.lender.encryptor import PooledEncryptor
from participants.lender.identity import DerivedMaskKeys, LenderIdentity, PairKeys
from participants.lender.inspections import Inspector
from participants.lender.ledger import ChangedOver
from participants.lender.node import LenderNode
from participants.lender.questions import Asker, AskGateway
from participants.lender.statements import Stating
from participants.lender.statistic_cells import LenderCells
from participants.lender.tokens import GatheringTokeniser, RememberingTokeniser, Tokenises
from participants.mask_secrets import MaskSecretFile
from participants.receipt_keeper import ReceiptKeeper
from participants.rulebooks import TrustedRulebooks
from participants.settings import NodeSettings
from participants.storage.answers import SqliteAnswers
from participants.storage.assessments import SqliteAssessments
from participants.storage.consents import SqliteConsents
from participants.storage.dimensions import SqliteDimensions
from participants.storage.questions import SqliteQuestions
from participants.storage.snapshots import snapshot_of
from participants.storage.statistics import listed_in
from participants.storage.supervision import SqliteSupervision
from participants.supervising import Supervised

LOG = logging.getLogger("participants.node")
ASK_THREADS = 4


class LoggedAlarms:
    """A lender's own alarms, in its own log."""

    def unproven(self, requester: MemberId) -> None:
        """Note a query that named a tag of this book without proof of its subject key."""
        LOG.warning("unproven-query", extra={"member": requester})

    def untrue_travel(self, requester: MemberId) -> None:
        """Note a travel check whose tile or time does not hold."""
        LOG.warning("untrue-travel-check", extra={"member": requester})


@dataclass(frozen=True)
class Parts:
    """What a serving node is made of."""

    settings: NodeSettings
    rulebooks: TrustedRulebooks
    books: Books
    answers: SqliteAnswers
    supervision: SqliteSupervision
    query_keys: QueryKeyFiles
    assessor: Assessor
    """Its asker holds the node, which a change of the rulebook replaces."""
    client: AskClient
    receipts: ReceiptKeeper
    cells: LenderCells
    answering: Executor
    """One thread: a contributor answers one call after another."""

    @property
    def asker(self) -> Asker:
        """The node's asking side."""
        return self.assessor.asker

    @cached_property
    def history(self) -> BookGenerations:
        """The node's books of all generations."""
        books, current = self.books, self.rulebooks.current
        return BookGenerations(self.settings, lambda: books.newest(current())[0], lambda: books.newest(current())[1])


def seconds() -> int:
    """Give Unix seconds."""
    return int(time.time())


def compose(settings: NodeSettings, stack: ExitStack, tokeniser: Tokenises, tls: Tls) -> Parts:
    """Open every file and put the node together; what needs closing is left to `stack`. Raises CreditError."""
    rulebooks = open_rulebooks(settings, settings.file.rulebook, settings.file.rulebooks)
    first = rulebooks.current()
    first.check_current(seconds())
    books = stack.enter_context(closing(Books(settings)))
    books.change_over(first)
    answers = stack.enter_context(closing(SqliteAnswers(settings.path(settings.file.answers))))
    supervision = stack.enter_context(closing(SqliteSupervision(settings.path(settings.file.supervision))))
    contributor = _contributor(settings, rulebooks, books, answers, stack)
    client = AskClient(gateway_addresses(settings), tls)
    query_keys = QueryKeyFiles(settings.path(settings.file.query_key), paillier_profile(first.policy.suites))
    receipts = ReceiptKeeper(supervision, lambda: rulebooks.history)
    asking = _asking(client, rulebooks, receipts)
    asker = _asker(settings, contributor, query_keys, asking, stack, tokeniser, supervision)
    asker.node = replace(asker.node, version=rulebooks.with_digest)
    answering = stack.enter_context(ThreadPoolExecutor(1, thread_name_prefix="answer"))
    assessor = _assessor(settings, asker, books, rulebooks, stack)
    cells = _cells(settings, rulebooks, books, answers)
    return Parts(
        settings, rulebooks, books, answers, supervision, query_keys, assessor, client, receipts, cells, answering
    )


def _cells(settings: NodeSettings, rulebooks: TrustedRulebooks, books: Books, answers: SqliteAnswers) -> LenderCells:
    """Give what the node's statistics are computed from."""
    return LenderCells(
        book=lambda: books.in_use(rulebooks.current()),
        answers=answers,
        holders=lambda: read_holder_counts(settings.path(settings.file.lender_counts)),
        dimensions=SqliteDimensions(settings.path(settings.file.dimensions)),
        listed=lambda header, since: listed_in(answers, header, since),
        columns=lambda: snapshot_of(books.in_use(rulebooks.current())),
    )


def _assessor(
    settings: NodeSettings, asker: Asker, books: Books, rulebooks: TrustedRulebooks, stack: ExitStack
) -> Assessor:
    secret = asker.node.requester.identity.audit_secret.value
    records = stack.enter_context(closing(SqliteAssessments(settings.path(settings.file.assessments), secret)))
    book = ApplicationsInBooks(settings, books, rulebooks.current, lambda: asker.node.tokeniser, seconds)
    return Assessor(asker, records, book)


def changed_over(answers: SqliteAnswers, rulebook: Rulebook) -> ChangedOver | None:
    """Note the generation in force, durably, and give the change to it that the ledger looks behind."""
    with answers.transaction() as store:
        store.note_generation(rulebook.document.oprf.generation, seconds())
        found = store.changed_over()
    return None if found is None else ChangedOver(*found)


def book_in_use(books: Books, rulebook: Rulebook) -> BookReader:
    """Give the book of the generation in force, or one that refuses where the node has none."""
    try:
        return books.in_use(rulebook)
    except CreditError as error:
        if error.code is not Code.BOOK_BEHIND:
            raise
        LOG.error("book-behind", extra={"code": error.code, "cause": error.cause})  # noqa: TRY400
        return BookBehind()


def gateway_addresses(settings: NodeSettings) -> tuple[str, ...]:
    """Give every replica's address; raises CreditError(SETTINGS_INVALID) where the node has none."""
    if settings.file.gateway is None:
        raise CreditError(Code.SETTINGS_INVALID, "gateway.addresses: needed to serve")
    return settings.file.gateway.addresses


def requester_of_today(contributor: Contributor, keys: QueryKeyFiles, executor: Executor | None) -> Requester:
    """Give the asking side with its query key certified until the end of tomorrow (UTC)."""
    start = utc_day(seconds()) * SECONDS_PER_DAY
    newest, *earlier = keys.read()
    certified = new_query_key(contributor.identity, newest, (start, start + 2 * SECONDS_PER_DAY))
    return Requester(
        contributor.identity, contributor.secrets, certified, contributor.rng, executor, earlier=tuple(earlier)
    )


def mask_keys_of(settings: NodeSettings, identity: LenderIdentity) -> PairKeys:
    """Give the node's mask keys, from the audit secret or what took its place."""
    return PairKeys(DerivedMaskKeys(identity, MaskSecretFile(settings).read()))


def ready_pads(pads: PadPool, rulebook: Rulebook) -> PadPool:
    """Have pads ready for the travel checks of a rulebook that has any."""
    if rulebook.document.travel is not None:
        pads.prepare(rulebook.document.travel.grid.cells)
    return pads


def _contributor(
    settings: NodeSettings, rulebooks: TrustedRulebooks, books: Books, answers: SqliteAnswers, stack: ExitStack
) -> Contributor:
    rulebook = rulebooks.current()
    signer = own_signer(settings, taking_part(rulebook, settings.file.member))
    identity = LenderIdentity(settings.file.member, signer, Secret(settings.own_keys().audit_secret))
    return Contributor(
        identity=identity,
        secrets=open_secrets(settings, rulebook),
        rulebook=lambda: rulebooks.usable(seconds()),
        book=book_in_use(books, rulebook),
        store=answers,
        pairs=mask_keys_of(settings, identity),
        encryptor=PooledEncryptor(stack.enter_context(ObfuscatorPool())),
        alarms=LoggedAlarms(),
        rng=secrets.token_bytes,
        changed=changed_over(answers, rulebook),
        pads=ready_pads(stack.enter_context(PadPool()), rulebook),
    )


def _asking(client: AskClient, rulebooks: TrustedRulebooks, receipts: ReceiptKeeper) -> AskGateway:
    async def ask(request_id: bytes, query: bytes, within: float) -> tuple[Transcript, Receipt]:
        rulebook: Rulebook = rulebooks.current()
        return await ask_gateway(client, request_id, query, within, rulebook, keep=receipts.take_answer)

    return ask


def _asker(
    settings: NodeSettings,
    contributor: Contributor,
    query_keys: QueryKeyFiles,
    ask: AskGateway,
    stack: ExitStack,
    tokeniser: Tokenises,
    supervision: SqliteSupervision,
) -> Asker:
    tokens = RememberingTokeniser(GatheringTokeniser(tokeniser), contributor.secrets)
    questions = stack.enter_context(closing(SqliteQuestions(settings.path(settings.file.questions))))
    consents = stack.enter_context(closing(SqliteConsents(settings.path(settings.file.consents))))
    threads = stack.enter_context(ThreadPoolExecutor(ASK_THREADS, thread_name_prefix="ask"))
    primes = stack.enter_context(ThreadPoolExecutor(2, thread_name_prefix="decrypt"))
    requester = requester_of_today(contributor, query_keys, primes)
    node = LenderNode(contributor, requester, tokens)
    return Asker(node, questions, consents, supervision, ask, threads, seconds)


def supervised(parts: Parts) -> Supervised:
    """Give the node's side of supervision; it follows the node as rulebooks change it."""

    def stating() -> Stating:
        contributor = parts.asker.node.contributor
        return Stating(contributor.identity, parts.history, parts.answers, parts.supervision, contributor.rng)

    def inspector() -> Inspector:
        return Inspector(parts.asker.node.contributor.identity, parts.answers, parts.history)

    return Supervised(stating, inspector, parts.supervision, lambda: parts.rulebooks.history)

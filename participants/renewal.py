"""
A node that changes while it runs: with each rulebook version it takes new secrets, share keys and identity keys.

The node's parts are immutable; a change makes new ones and puts them into their place at once, so that a query sees
either the old ones or the new ones. Where the new epoch's key is not here yet, the node goes on with what it has,
refuses what it cannot open, and asks for the board to be read.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace

from consortium.errors import Code, CreditError
from consortium.model.identifiers import NormalisedIdentifier
from consortium.model.rulebook import Rulebook
from consortium.rules.queries import taking_part
from consortium.silent import Silent
from participants.bootstrap import open_secrets, open_tokeniser, own_signer
from participants.changing_over import ChangingOver
from participants.composition import Parts, book_in_use, changed_over, mask_keys_of, requester_of_today
from participants.gateway_client.channel import Tls
from participants.keys.query_key import Stamp, stamp_of
from participants.lender.tokenise import Token
from participants.lender.tokens import GatheringTokeniser, RememberingTokeniser, Tokenises
from participants.mask_secrets import MaskSecretFile
from participants.settings import NodeSettings

LOG = logging.getLogger("participants.node")
STALE = frozenset(
    {
        Code.PROOF_INVALID,
        Code.RULEBOOK_MISMATCH,
        Code.UNREACHABLE,
        Code.CERTIFICATE_INVALID,
        Code.SIGNATURE_INVALID,
    }
)
"""What a holder says or shows when its share or our identity key is newer than our rulebook, or our channel older."""
PATIENCE_SECONDS = 3.0
LINGER_SECONDS = 15.0
BOOK_SECONDS = 3.0
"""How long a node waits for the book of a new generation to take over before it refuses to answer."""


class ExchangeableTokeniser(Silent):
    """A way to the key holders that can be exchanged; a request that this spoilt is made again on the new one."""

    def __init__(self, settings: NodeSettings, tls: Callable[[], Tls]) -> None:
        self._settings, self._tls = settings, tls
        self._changed = threading.Condition()
        self._number = 0
        self._stale = False
        self._inner, self._stack = self._open()

    def tokenise(self, identifiers: Sequence[NormalisedIdentifier]) -> list[Token]:
        """Give the token of each identifier, in order; raises as `Tokeniser.tokenise`."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            with self._changed:
                inner, number = self._inner, self._number
            try:
                return inner.tokenise(identifiers)
            except CreditError as error:
                if error.code is not Code.TOO_FEW_HOLDERS or not self._has_changed(number, deadline):
                    raise

    def exchange(self) -> None:
        """Open a new way with the rulebook and certificate of now; the old one is closed a little later."""
        inner, stack = self._open()
        with self._changed:
            old, self._inner, self._stack = self._stack, inner, stack
            self._number += 1
            self._stale = False
            self._changed.notify_all()
        closing = threading.Timer(LINGER_SECONDS, old.close)
        closing.daemon = True
        closing.start()

    def close(self) -> None:
        """Close the way in use."""
        self._stack.close()

    def _open(self) -> tuple[Tokenises, ExitStack]:
        stack = ExitStack()
        return stack.enter_context(open_tokeniser(self._settings, self._failed, tls=self._tls)), stack

    def _failed(self, holder: int, error: CreditError) -> None:
        LOG.warning("holder-failed", extra={"holder": holder, "code": error.code})
        self._stale = self._stale or error.code in STALE

    def _has_changed(self, number: int, deadline: float) -> bool:
        """Wait for an exchange, where one may explain the failure: first the keys come, then the certificate."""
        with self._changed:
            if not self._stale and self._number == number:
                return False
            return self._changed.wait_for(lambda: self._number != number, max(0.0, deadline - time.monotonic()))


class Renewal(Silent):
    """Brings a node's parts up to the rulebook in force; `hurry` asks for the board to be read at once."""

    def __init__(self, parts: Parts, tokeniser: ExchangeableTokeniser, hurry: Callable[[], None]) -> None:
        self._parts, self._tokeniser, self._hurry = parts, tokeniser, hurry
        self._behind_since: float | None = None
        self._done = self._state(parts.rulebooks.current())
        self.changing = ChangingOver(parts.books)
        self.identity_changed: Callable[[], None] = lambda: None
        self.masks_changed: Callable[[], None] = lambda: None

    def to_current(self) -> bool:
        """Renew what the rulebook in force changed; gives whether the node is up to it."""
        rulebook = self._parts.rulebooks.current()
        wanted = self._state(rulebook)
        if wanted == self._done:
            return True
        try:
            self._renew(rulebook, wanted)
        except CreditError as error:
            LOG.warning("not-renewed", extra={"code": error.code, "cause": error.cause})
            self._hurry()
            return False
        self._done = wanted
        LOG.info("renewed", extra={"version": rulebook.document.version, "epoch": rulebook.document.epoch})
        return True

    def _renew(self, rulebook: Rulebook, wanted: "State") -> None:
        parts, settings, node, done = self._parts, self._parts.settings, self._parts.asker.node, self._done
        start = time.monotonic()
        signer = own_signer(settings, taking_part(rulebook, settings.file.member))
        new_secrets, contributor = open_secrets(settings, rulebook), node.contributor
        identity = replace(contributor.identity, signer=signer)
        same_identity, same_masks = wanted.identity == done.identity, wanted.masks == done.masks
        if new_secrets.generation != contributor.secrets.generation or wanted.behind != done.behind:
            self._wait_for_book(wanted)
            changed = changed_over(parts.answers, rulebook)  # durable before anything of the generation is answered
            contributor = replace(contributor, book=book_in_use(parts.books, rulebook), changed=changed)
        pairs = contributor.pairs if same_identity and same_masks else mask_keys_of(settings, identity)
        contributor = replace(contributor, identity=identity, secrets=new_secrets, pairs=pairs)
        requester = requester_of_today(contributor, parts.query_keys, node.requester.executor)
        if wanted.holders != done.holders or not same_identity:
            self._tokeniser.exchange()
        tokens = node.tokeniser
        if new_secrets.generation != node.contributor.secrets.generation:
            tokens = RememberingTokeniser(GatheringTokeniser(self._tokeniser), new_secrets)
        parts.asker.node = replace(node, contributor=contributor, requester=requester, tokeniser=tokens)
        if not same_identity:
            self.identity_changed()
        elif not same_masks:
            self.masks_changed()
        LOG.debug("renewal", extra={"seconds": time.monotonic() - start})

    def _wait_for_book(self, wanted: "State") -> None:
        """Give the book of a new generation a moment to take over, in the thread that sees to it."""
        if not wanted.behind:
            self._behind_since = None
            return
        now = time.monotonic()
        self._behind_since = now if self._behind_since is None else self._behind_since
        if now - self._behind_since < BOOK_SECONDS:
            raise CreditError(Code.RULEBOOK_MISMATCH, "the book of the generation in force has not taken over yet")

    def _state(self, rulebook: Rulebook) -> "State":
        document, settings = rulebook.document, self._parts.settings
        own = rulebook.members.get(settings.file.member)
        return State(
            epoch=document.epoch,
            epoch_secret=document.epoch_secret,
            holders=document.oprf.to_bytes(),
            identity=own.identity_key if own else b"",
            masks=MaskSecretFile(settings).stamp,
            query=stamp_of(settings.path(settings.file.query_key)),
            behind=self._parts.books.is_behind(rulebook),
        )


@dataclass(frozen=True, slots=True)
class State:
    """
    What a node's parts depend on: epoch, its key's digest, the holders' keys, the own identity key and key files.

    `behind` says that the book of the generation in force has not taken over.
    """

    epoch: int
    epoch_secret: bytes
    holders: bytes
    identity: bytes
    masks: Stamp
    query: Stamp
    behind: bool

"""
A party at work on the board: it reads, verifies and keeps, opens what is sealed to it, and posts what it owes.

Everything that is posted is kept first, under a topic of its own, so that a crash at any point is followed by the same
bytes and never by two documents on one matter. `sync` is all that a serving process has to call, again and again.
"""

import secrets
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

from consortium.errors import Code, CreditError
from consortium.hashing import Randomness
from consortium.membership.ballots import Outcome
from consortium.membership.certificates import CERTIFICATE_SECONDS, make_binding, make_request, read_certificate
from consortium.membership.generations import GenerationOffer, pins_of_generation, read_generation_offer
from consortium.membership.proposals import Announce, Leave, NewEpoch, Suspend
from consortium.membership.secrets import (
    EpochOffer,
    Opened,
    open_delivery,
    pins_of,
    pins_of_offer,
    read_epoch_offer,
)
from consortium.membership.statements import Acknowledgement, digest_of, sign_acknowledgement
from consortium.membership.trusted import LastSeen, TrustedSet
from consortium.membership.words import check_fingerprint
from consortium.model.rulebook import MemberStatus, Oprf, Role, Rulebook, rulebook_digest
from consortium.model.signing import Signer
from consortium.silent import Silent
from consortium.wire.gateway import SignedRulebook
from consortium.wire.membership import BoardDocument, Certifying, DocumentKind, Posted
from participants.failpoints import failpoint
from participants.gateway_client.channel import Tls
from participants.gateway_client.membership import BoardDoor, JoinDoor, MemberDoor
from participants.membership.folder import BOARD, CA, CERTIFICATE, IDENTITY, TLS, MemberFolder
from participants.membership.node_files import write_first_rulebook, write_settings
from participants.membership.view import BoardView, Reader
from participants.rulebooks import TrustedRulebooks
from participants.secret_files import keep_opened
from participants.storage.board import Own, SqliteBoard
from participants.whole_files import write_public

LAST_SEEN = BOARD.parent / "last-seen.json"
FIRST_RULEBOOK, FIRST_SIGNATURES = Path("rulebook.json"), Path("rulebook-signatures.json")
LATER = Path("rulebooks")
BINDING_MARGIN = 3600
SIGHTING_SECONDS = 15
_SIGHTING = "sighting/"
FINAL = frozenset({Code.UNREACHABLE, Code.DEADLINE, Code.OVERLOADED, Code.DRAINING, Code.QUOTA_EXCEEDED})
"""What a refusal to take a document may be without being an answer to it: it is sent again later."""


class Membership(Silent):
    """One party's side; not for several threads at once."""

    def __init__(
        self, folder: MemberFolder, clock: Callable[[], float] = time.time, rng: Randomness = secrets.token_bytes
    ) -> None:
        """Open the copy of the board and the rulebooks that are trusted; raises CreditError."""
        self.folder, self.rng = folder, rng
        self._clock = clock
        self.board = SqliteBoard(folder.path(BOARD))
        self.rulebooks: TrustedRulebooks | None = self._open_rulebooks()
        self._door: BoardDoor | None = None
        self._reader: Reader | None = None
        self._read_sequence = self._read_count = self._read_versions = 0

    @property
    def now(self) -> int:
        """Unix seconds."""
        return int(self._clock())

    @property
    def rulebook(self) -> Rulebook:
        """The rulebook in force; raises CreditError(RULEBOOK_INVALID) before one is trusted."""
        if self.rulebooks is None:
            raise CreditError(Code.RULEBOOK_INVALID, "none is trusted yet: run init with the fingerprint")
        return self.rulebooks.current()

    @property
    def signer(self) -> Signer:
        """The identity key that the rulebook pins, or the only one."""
        return self.folder.signer(self.rulebooks.current() if self.rulebooks else None)

    @property
    def door(self) -> BoardDoor:
        """The way to the board: by certificate where there is one, else by the join port."""
        if self._door is None:
            self._door = self._open_door()
        return self._door

    def use_door(self, door: BoardDoor) -> None:
        """Take another way to the board: one with a newer certificate, or one without a network."""
        if self._door is not None:
            self._door.close()
        self._door = door

    def close(self) -> None:
        """Close files and channel."""
        if self._door is not None:
            self._door.close()
        self.board.close()

    def trust(self, fingerprint: str) -> Rulebook:
        """
        Fetch the rulebooks and trust the one with this fingerprint, received out of band, then those that follow it.

        Raises CreditError(FINGERPRINT_MISTYPED), (FINGERPRINT_MISMATCH), and as `TrustedSet.begin`.
        """
        if self.rulebooks is None:
            found = self._with_fingerprint(fingerprint)
            trusted = TrustedSet.begin(found, rulebook_digest(found.document).hex())
            write_first_rulebook(self.folder, found)
            self.board.set_mark("rulebook-trusted", self.now)
            self.rulebooks = TrustedRulebooks(trusted.current, self.folder.path(LATER))
        write_settings(self.folder, self.rulebooks.history[0])
        self.follow()
        return self.rulebook

    def sync(self) -> BoardView:
        """
        Follow the rulebooks, post what waits, read what is new, open what is sealed to us, and acknowledge it.

        Raises CreditError where the gateway cannot be reached; whatever was done before that stays done.
        """
        self.follow()
        self.flush()
        self._read()
        view = self.view()
        self._take_decided(view)
        self.take_secrets(view)
        self.flush()
        return view

    def follow(self) -> None:
        """Take every next rulebook version."""
        if self.rulebooks is None:
            return
        self.rulebooks.load_new()  # also what could not be written before
        while versions := self.door.rulebooks(self.rulebooks.version):
            for signed in versions:
                self.rulebooks.take(signed)
            failpoint("member.rulebook-taken")
        self._keep_last_seen()

    def view(self) -> BoardView:
        """Give what our copy of the board says, verified."""
        history = self.rulebooks.history if self.rulebooks else ()
        new = self.board.documents(self._read_sequence)
        if self._reader is None or self.board.count() != self._read_count + len(new):
            self._reader, self._read_count, self._read_versions = Reader(history, self.now), 0, len(history)
            new = self.board.documents()  # also after one of our own came before others' that are older
        for version in history[self._read_versions :]:
            self._reader.add(version)
        self._read_versions = len(history)
        self._read_count += len(new)
        self._read_sequence = new[-1].sequence if new else self._read_sequence
        return self._reader.read(new, self.now)

    def post(self, topic: str, kind: DocumentKind, make: Callable[[], bytes]) -> Own:
        """
        Post a document on a topic; one that was made before is posted instead of a new one.

        Raises CreditError where the gateway refuses it; where it cannot be reached, the document waits in the outbox.
        """
        if (known := self.board.own(topic)) is None or known.problem:
            self.board.withdraw(topic)
            known = self.board.queue(topic, kind, make(), self.now)
        failpoint(f"member.queued-{kind.name.lower()}")
        if known.sequence is None:
            self._deliver(known)
        failpoint(f"member.posted-{kind.name.lower()}")
        return self.board.own(topic) or known

    def flush(self) -> None:
        """Post what waits; what is refused is noted and not tried again."""
        for own in self.board.outbox():
            if own.sequence is None and not own.problem:
                try:
                    self._deliver(own)
                except CreditError as error:
                    if error.code in FINAL:
                        raise

    def tell_sighting(self) -> None:
        """
        Say which version we have, where we are an active member. Raises CreditError as `post`.

        Once for each version, and four times in the time for which others trust theirs without a word of it.
        """
        if self.rulebooks is None or own_status(self.rulebook, self.folder.member) is not MemberStatus.ACTIVE:
            return
        period = max(SIGHTING_SECONDS, self.rulebook.policy.rulebook_freshness // 4)
        spread = int.from_bytes(self.signer.public[:4], "big")  # not everybody in the same second
        topic = f"{_SIGHTING}{self.rulebook.digest.hex()[:16]}/{(self.now + spread) // period}"
        if self.board.own(topic) is not None:
            return
        member, trusted = self.folder.member, self.rulebooks.trusted
        self.post(topic, DocumentKind.SIGHTING, lambda: trusted.own_sighting(member, self.signer, self.now))
        for own in self.board.outbox():
            if own.topic.startswith(_SIGHTING) and own.topic != topic:
                self.board.withdraw(own.topic)

    def take_secrets(self, view: BoardView) -> None:
        """Open deliveries and offers that are for us, keep what they hold, and say how it went."""
        if self.folder.file.role is not Role.LENDER or self.rulebooks is None:
            return
        for told, delivery in view.deliveries:
            if delivery.recipient == self.folder.member:
                self._take(told.signed, partial(self._open, told.signed, delivery.rulebook))
        for signed, offer in self._offers(view):
            if self.folder.member in offer.deliveries:
                self._take(signed, partial(self._open_offer, offer))

    def certify(self) -> bytes:
        """Get a certificate for the TLS key and keep it; gives it in PEM. Raises CreditError."""
        key, folder = self.folder.tls_key(), self.folder
        consortium, until = folder.file.consortium, self.now + CERTIFICATE_SECONDS + BINDING_MARGIN
        binding = make_binding(self.signer, consortium, folder.member, key.public_key(), until)
        chain = self.door.certify(Certifying(make_request(key, consortium, folder.member, _hosts(folder)), binding))
        failpoint("member.certificate-received")
        write_public(folder.path(CERTIFICATE), chain)
        self.board.set_mark("certificate-issued", self.now)
        self.use_door(self._open_door())
        return chain

    def complete_rotations(self) -> bool:
        """Put keys that the rulebook has come to pin into their place; gives whether the certificate is now stale."""
        found = self.rulebook.members.get(self.folder.member) if self.rulebooks else None
        if found is None:
            return False
        done = self.folder.put_in_force(found)
        return bool(done & {IDENTITY, TLS})

    def certificate_ends(self) -> tuple[int, int]:
        """Give the Unix seconds between which our certificate is valid; (0, 0) without one."""
        if not self.folder.path(CERTIFICATE).exists():
            return 0, 0
        found = read_certificate(self.folder.read(CERTIFICATE))
        return found.valid_from, found.valid_until

    def tls(self) -> Tls:
        """Give certificate, key and CA."""
        folder = self.folder
        return Tls(folder.read(CERTIFICATE), folder.read_private(TLS), folder.read(CA))

    def _open_door(self) -> BoardDoor:
        folder = self.folder
        if self.certificate_ends()[1] > self.now:
            return MemberDoor(folder.file.gateways[0], self.tls())
        return JoinDoor(folder.file.join, folder.read(CA), folder.member, self.signer)

    def _open_rulebooks(self) -> TrustedRulebooks | None:
        folder = self.folder
        if not folder.path(FIRST_RULEBOOK).exists():
            return None
        raw, signatures = folder.read(FIRST_RULEBOOK), folder.signatures(FIRST_SIGNATURES)
        first = TrustedSet.begin(SignedRulebook(raw, signatures), rulebook_digest(raw).hex()).current
        rulebooks = TrustedRulebooks(first, folder.path(LATER))
        if folder.path(LAST_SEEN).exists():
            rulebooks.trusted.check_last_seen(LastSeen.from_bytes(folder.read(LAST_SEEN)))
        return rulebooks

    def _keep_last_seen(self) -> None:
        if self.rulebooks is not None and self.rulebooks.kept:  # a start must find what was seen
            last = self.rulebooks.trusted.last_seen.to_bytes()
            path = self.folder.path(LAST_SEEN)
            if not path.exists() or path.read_bytes() != last:
                write_public(path, last)

    def _with_fingerprint(self, fingerprint: str) -> SignedRulebook:
        after, problem = 0, CreditError(Code.RULEBOOK_INVALID, "the gateway has no rulebook yet")
        while versions := self.door.rulebooks(after):
            for signed in versions:
                try:
                    check_fingerprint(rulebook_digest(signed.document), fingerprint)
                except CreditError as error:
                    problem = error
                else:
                    return signed
            after += len(versions)
        raise problem

    def _read(self) -> None:
        while True:
            after = self.board.read_to
            page = self.door.read(after)
            documents = [one for one in page.documents if one.sequence > after]
            last = documents[-1].sequence if documents else page.newest
            self.board.take(documents, max(last, after))
            failpoint("member.board-read")
            if not documents:
                return

    def _take_decided(self, view: BoardView) -> None:
        """Take a version whose votes are on the board, whether or not the gateway hands it out."""
        base = self.rulebooks.current().digest if self.rulebooks else b""
        for motion in view.motions.values():
            if motion.proposal.base == base and motion.ballot.outcome is Outcome.APPROVED and self.rulebooks:
                signed = motion.ballot.signed()
                with suppress(CreditError):  # as it comes from the gateway it is refused aloud
                    self.rulebooks.take(SignedRulebook(signed.document, dict(signed.signatures)))
                self._keep_last_seen()
                return

    def _deliver(self, own: Own) -> None:
        try:
            sequence = self.door.post(Posted(own.kind, own.signed))
        except CreditError as error:
            if error.code not in FINAL:
                self.board.delivered(own.topic, None, str(error)[:200])
            raise
        failpoint("member.delivered")
        self.board.delivered(own.topic, sequence)
        self.board.take([BoardDocument(sequence, own.kind, own.signed, self.now * 1000, self.folder.member)], 0)

    def _offers(self, view: BoardView) -> list[tuple[bytes, EpochOffer | GenerationOffer]]:
        """Give every offer of secrets to come: those on the board themselves, and those inside proposals."""
        found: list[tuple[bytes, EpochOffer | GenerationOffer]] = [(told.signed, offer) for told, offer in view.offers]
        for motion in view.motions.values():
            change = motion.proposal.change
            base = self.rulebooks.with_digest(motion.proposal.base) if self.rulebooks else None
            if base is not None and isinstance(change, Announce):
                found.append((change.offer, read_generation_offer(change.offer, base)))
            if base is not None and isinstance(change, Suspend | Leave | NewEpoch) and change.offer is not None:
                found.append((change.offer, read_epoch_offer(change.offer, base)))
        return found

    def _take(self, signed: bytes, opening: Callable[[], Opened]) -> None:
        """Open once; the acknowledgement says whether it could be used."""
        topic = f"acknowledgement/{digest_of(signed).hex()}"
        if self.board.own(topic) is not None:
            return
        problem = ""
        try:
            keep_opened(self.folder, opening())
            failpoint("member.secrets-kept")
            self.board.set_mark("secrets-opened", self.now)
        except CreditError as error:
            problem = f"{error.code}: {error.cause}"[:200]
        acknowledgement = Acknowledgement(
            consortium=self.folder.file.consortium,
            member=self.folder.member,
            document=digest_of(signed),
            problem=problem,
            seen_at=self.now,
        )
        made = sign_acknowledgement(self.signer, acknowledgement)
        self.board.queue(topic, DocumentKind.ACKNOWLEDGEMENT, made, self.now)

    def _open(self, signed: bytes, under: bytes) -> Opened:
        rulebook = self.rulebooks.with_digest(under) if self.rulebooks else None
        if rulebook is None:
            raise CreditError(Code.RULEBOOK_MISMATCH, "sealed under a version from before our first one")
        document = rulebook.document
        announced = [document.upcoming] if document.upcoming else []
        generations: tuple[Oprf, ...] = (document.oprf, *announced, *document.retired)
        return self._by_any_key(
            lambda key, oprf: open_delivery(signed, rulebook, pins_of(rulebook, oprf), self.folder.member, key),
            generations,
        )

    def _open_offer(self, offer: EpochOffer | GenerationOffer) -> Opened:
        rulebook = self.rulebooks.with_digest(offer.rulebook) if self.rulebooks else None
        if rulebook is None:
            raise CreditError(Code.RULEBOOK_MISMATCH, "offered under a version from before our first one")
        member = self.folder.member
        pins = pins_of_offer(rulebook, offer) if isinstance(offer, EpochOffer) else pins_of_generation(rulebook, offer)
        sealed = offer.deliveries[member]
        return self._by_any_key(
            lambda key, _: open_delivery(sealed, rulebook, pins, member, key), (rulebook.document.oprf,)
        )

    def _by_any_key(self, opening: Callable[..., Opened], generations: tuple[Oprf, ...]) -> Opened:
        """Try each key and generation; the last problem is the one that is told."""
        problem: CreditError | None = None
        for key in self.folder.hpke_keys():
            for oprf in generations:
                try:
                    return opening(key, oprf)
                except CreditError as error:
                    problem = error
        raise problem or CreditError(Code.PAYLOAD_INVALID, "no key to open it with")


def _hosts(folder: MemberFolder) -> tuple[str, ...]:
    """Give the names that a custodian's certificate needs; lenders listen to nobody outside."""
    if folder.file.role is not Role.CUSTODIAN:
        return ()
    host = folder.file.local.rpartition(":")[0].strip("[]")
    return ("localhost", host) if host.startswith("127.") or host == "::1" else (host,)


def own_status(rulebook: Rulebook, member: str) -> MemberStatus | None:
    """Give a member's status in a rulebook, None for nobody's id."""
    found = rulebook.members.get(member)
    return found.status if found else None

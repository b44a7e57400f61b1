"""
Founding a consortium by the journey of its members, in this process: nobody here sees another's secrets.

Every party makes its folder and its own keys and applies to the board in the gateway's database; gateway and
custodians hold the first key ceremony over it; the first lender makes the lenders' secrets, two lenders of different
groups sign version 1, and everybody trusts it by its fingerprint. Then the secrets are sealed to each lender and the
certificates issued. What is left is folders to start processes from.
"""

import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from consortium.membership.applications import Application, sign_application
from consortium.membership.certificates import tls_key_digest
from consortium.membership.secrets import (
    Opened,
    epoch_fingerprint,
    generation_fingerprint,
    new_epoch_secret,
    new_generation_secrets,
)
from consortium.membership.statements import sign_founding
from consortium.model.members import MemberId
from consortium.model.rulebook import Member, MemberStatus, Role, Rulebook
from consortium.wire.membership import DocumentKind, Posted
from demo.auditing import REGULATOR_TOML, LogKeys
from demo.consortium import CONSORTIUM, HOLDERS, REGULATOR, Terms, first_document, first_plan, group_of, roles_of
from demo.network import GUARD, Ports, common_toml, gateway_toml, write, write_json
from demo.room import Room
from gateway.keys import read_seed, read_signer
from gateway.membership.authority import Authority, new_authority
from gateway.membership.own_certificate import OwnCertificate, read_tls_key
from gateway.settings import load_settings
from participants.membership.actions import apply, seal_secrets
from participants.membership.ceremonies import take_part
from participants.membership.folder import Invitation, make_folder, new_tls_key
from participants.membership.member import Membership
from participants.membership.terms import Terms as Said
from participants.membership.transcripts import transcripts
from participants.secret_files import keep_opened
from participants.share_files import ShareFiles

GATEWAY, *CUSTODIANS = HOLDERS
_HOSTS = ("localhost", "127.0.0.1")
_BOOK_SIZE = 5000


class Founding:
    """One founding into `out`, whose folders must not exist yet; `say` is told of each step."""

    def __init__(
        self, out: Path, ports: Ports, lenders: Sequence[MemberId], terms: Terms, say: Callable[[str], object]
    ) -> None:
        self._out, self._ports, self._lenders, self._terms, self._say = out, ports, tuple(lenders), terms, say
        self._roles = roles_of(lenders)
        self._parties: dict[MemberId, Membership] = {}
        self._start = time.monotonic()

    def run(self) -> Rulebook:
        """Found; gives version 1."""
        self._out.mkdir(parents=True, exist_ok=True)
        room = self._gateway()
        try:
            self._folders(room)
            self._apply(room)
            self._hold_ceremony(room)
            rulebook = self._sign(room)
            self._hand_out(rulebook)
            self._write_regulator(rulebook)
            return rulebook
        finally:
            for party in self._parties.values():
                party.close()
            room.close()

    def _tell(self, what: str) -> None:
        self._say(f"{time.monotonic() - self._start:5.1f} s  {what}")

    def _gateway(self) -> Room:
        """Make the gateway's folder with its keys and the consortium's CA, and open its board."""
        folder = self._out / GATEWAY
        folder.mkdir(mode=0o700)
        for name in ("identity.key", "hpke.key"):
            write(folder / name, secrets.token_bytes(32).hex().encode())
        write(folder / "tls.key", new_tls_key())
        certificate, key = new_authority(CONSORTIUM, int(time.time()))
        write(folder / "ca.crt", certificate)
        write(folder / "ca.key", key)
        (folder / "rulebooks").mkdir(mode=0o700)
        (self._out / GUARD).mkdir(mode=0o700)
        self._log = LogKeys.create(CONSORTIUM, secrets.token_bytes)
        write(folder / "log.key", self._log.log.hex().encode())
        write(folder / "witnesses.txt", self._log.policy.encode())
        write(folder / "gateway.toml", gateway_toml(GATEWAY, self._ports).encode())
        self._settings = load_settings(folder / "gateway.toml")
        return Room(self._settings)

    def _folders(self, room: Room) -> None:
        ports = self._ports
        holders = {GATEWAY: f"127.0.0.1:{ports.gateway}"}
        holders |= {name: f"127.0.0.1:{ports.custodian(index)}" for index, name in enumerate(CUSTODIANS)}
        invitation = Invitation(
            consortium=CONSORTIUM,
            join=f"127.0.0.1:{ports.join}",
            gateways=(f"127.0.0.1:{ports.gateway}",),
            holders=holders,
            sponsor=self._lenders[0],
            ca=(self._out / GATEWAY / "ca.crt").read_text("ascii"),
        )
        for member, role in self._roles.items():
            if role is not Role.GATEWAY:
                listen = holders.get(member) or f"127.0.0.1:{self._local_port(member)}"
                party = Membership(make_folder(self._out / member, member, role, invitation, listen))
                party.board.set_mark("keys-made", party.now)
                party.use_door(room.door(member))
                self._parties[member] = party
        self._tell(f"{len(self._roles)} folders, each with its own keys")

    def _local_port(self, member: MemberId) -> int:
        return self._ports.lender(self._lenders.index(member)) if member in self._lenders else 0

    def _apply(self, room: Room) -> None:
        for number, (member, role) in enumerate(self._roles.items()):
            said = self._said(member, role, number)
            if role is Role.GATEWAY:
                self._apply_gateway(room, said)
            else:
                apply(self._parties[member], said)
        self._tell(f"{len(self._roles)} founders have applied")

    def _said(self, member: MemberId, role: Role, number: int) -> Said:
        return Said(
            legal_name=member.replace("-", " ").title(),
            licence=f"DEMO-{number:04d}",
            lei=demo_lei(number),
            group=group_of(member, self._terms),
            contact="+86 10 5555 0100",
            sponsor=self._lenders[0],
            book_size=_BOOK_SIZE if role is Role.LENDER else 0,
            tiers=self._terms.tiers if role is Role.LENDER else (),
        )

    def _apply_gateway(self, room: Room, said: Said) -> None:
        folder = self._out / GATEWAY
        signer = read_signer(self._settings.identity_key)
        application = Application(
            consortium=CONSORTIUM,
            member=GATEWAY,
            role=Role.GATEWAY,
            **said.fields(Role.GATEWAY),
            identity_key=signer.public,
            hpke_key=X25519PrivateKey.from_private_bytes(read_seed(folder / "hpke.key"))
            .public_key()
            .public_bytes_raw(),
            tls_key=tls_key_digest(read_tls_key(self._settings.tls.key).public_key()),
            nonce=secrets.token_bytes(32),
            issued_at=int(time.time()),
        )
        room.door(GATEWAY).post(Posted(DocumentKind.APPLICATION, sign_application(signer, application)))

    def _hold_ceremony(self, room: Room) -> None:
        keys = {GATEWAY: read_signer(self._settings.identity_key).public}
        keys |= {name: self._parties[name].signer.public for name in CUSTODIANS}
        plan = first_plan(keys)
        room.door(GATEWAY).post(Posted(DocumentKind.CEREMONY_PLAN, plan.to_bytes()))
        kept: set[MemberId] = set()
        while len(kept) < len(CUSTODIANS):
            room.ceremony_step()
            for name in CUSTODIANS:
                party = self._parties[name]
                party.sync()
                if any(progress.share_kept for progress in take_part(party, ShareFiles(party.folder))):
                    kept.add(name)
        room.ceremony_step()
        self._tell(f"the OPRF key is shared {plan.threshold} of {len(plan.receivers)}, and nobody has it")

    def _sign(self, room: Room) -> Rulebook:
        founder, second = (self._parties[name] for name in self._lenders[:2])
        founder.sync()
        generation = new_generation_secrets(1, secrets.token_bytes)
        epoch = new_epoch_secret(1, secrets.token_bytes)
        keep_opened(founder.folder, Opened(generation, epoch))
        now = int(time.time())
        oprf = transcripts(founder.board.documents())[-1].oprf(generation_fingerprint(CONSORTIUM, generation))
        document = first_document(
            [*self._members(founder)], oprf, epoch_fingerprint(CONSORTIUM, epoch), now, self._terms
        )
        raw = document.to_bytes()
        for party in (founder, second):
            signed = sign_founding(party.signer, CONSORTIUM, party.folder.member, raw)
            party.post("founding", DocumentKind.GENESIS, partial(_same, signed))
        rulebooks = room.open_consortium()
        write(self._settings.rulebooks / "fingerprint", rulebooks.current().digest.hex().encode())
        self._tell("version 1 is signed by founders of two groups")
        return rulebooks.current()

    def _members(self, founder: Membership) -> Iterator[Member]:
        """Take every founder from its application; founders have no digest of one in version 1."""
        found = {application.member: application for _, application in founder.view().applications.values()}
        for member in self._roles:
            entry = found[member].as_member(bytes(32))
            yield entry.model_copy(update={"status": MemberStatus.ACTIVE, "application": None})

    def _hand_out(self, rulebook: Rulebook) -> None:
        for party in self._parties.values():
            party.trust(rulebook.digest.hex())
        founder = self._parties[self._lenders[0]]
        for lender in self._lenders[1:]:
            seal_secrets(founder, lender)
        ca = Authority(
            *(path.read_bytes() for path in (self._out / GATEWAY / "ca.crt", self._out / GATEWAY / "ca.key"))
        )
        OwnCertificate(
            ca,
            read_signer(self._settings.identity_key),
            CONSORTIUM,
            GATEWAY,
            self._settings.tls,
            _HOSTS,
            lambda: int(time.time()),
        ).renew()
        for party in self._parties.values():
            party.sync()
            party.certify()
        self._tell("secrets sealed to every lender, certificates issued")

    def _write_regulator(self, rulebook: Rulebook) -> None:
        folder, party = self._out / REGULATOR, self._parties[REGULATOR]
        audit = party.folder.hpke_keys()[0].private_bytes_raw().hex()
        write_json(
            folder / "own-keys.json",
            {"identity_key": (folder / "identity.key").read_text().strip(), "audit_key": audit},
        )
        write(folder / "witness.key", self._log.witness.hex().encode())
        write(folder / "policy.txt", self._log.policy.encode())
        common = common_toml(rulebook.digest)
        settings = REGULATOR_TOML.format(member=REGULATOR, common=common, gateway_port=self._ports.gateway)
        write(folder / "regulator.toml", settings.encode())


def demo_lei(number: int) -> str:
    """Make up a legal entity identifier with its check digits (ISO 7064, MOD 97-10)."""
    head = f"DEMO00CREDIT{number:06d}"
    digits = "".join(str(int(letter, 36)) for letter in head)
    return f"{head}{98 - int(digits + '00') % 97:02d}"


def _same(signed: bytes) -> bytes:
    return signed

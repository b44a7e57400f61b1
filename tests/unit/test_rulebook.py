"""The rulebook: what makes one trusted and what makes one refused."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from consortium.canonical import canonical_json
from consortium.errors import Code
from consortium.labels import Label
from consortium.model.rulebook import MemberStatus, Rulebook, rulebook_digest, verify_rulebook
from consortium.oprf import group
from demo.consortium import Foundation, Terms, found
from tests.support.codes import refused
from tests.support.world import LENDERS, NOW, seeded_rng


@dataclass
class Signed:
    foundation: Foundation

    @property
    def rulebook(self) -> Rulebook:
        return self.foundation.rulebook

    def changed(self, change: Callable[[dict[str, Any]], None]) -> bytes:
        document = json.loads(self.rulebook.raw)
        change(document)
        return canonical_json(document)

    def successor(self, change: Callable[[dict[str, Any]], None] = lambda _: None) -> bytes:
        def follow(document: dict[str, Any]) -> None:
            document["version"] += 1
            document["previous"] = self.rulebook.digest.hex()
            change(document)

        return self.changed(follow)

    def sign(self, raw: bytes, *members: str) -> dict[str, bytes]:
        return {member: self.foundation.keys[member].signer.sign(Label.RULEBOOK, raw) for member in members}


@pytest.fixture(scope="module")
def signed() -> Signed:
    return Signed(found(LENDERS, NOW, seeded_rng(b"rulebook"), Terms()))


def verify_first(signed: Signed, raw: bytes) -> Rulebook:
    return verify_rulebook(raw, signed.sign(raw, "lender-a", "lender-b"), fingerprint=rulebook_digest(raw))


def test_the_document_survives_its_bytes(signed: Signed) -> None:
    assert signed.rulebook.document.to_bytes() == signed.rulebook.raw
    assert verify_first(signed, signed.rulebook.raw).digest == signed.rulebook.digest
    assert signed.rulebook.roster == LENDERS


def test_the_first_one_needs_its_fingerprint(signed: Signed) -> None:
    raw = signed.rulebook.raw
    signatures = signed.sign(raw, "lender-a", "lender-b")
    for fingerprint in (None, b"x" * 32):
        with refused(Code.RULEBOOK_INVALID):
            verify_rulebook(raw, signatures, fingerprint=fingerprint)


@pytest.mark.parametrize("signers", [(), ("lender-a",), ("lender-a", "gateway"), ("lender-c", "lender-d")])
def test_too_few_or_other_signers(signed: Signed, signers: tuple[str, ...]) -> None:
    raw = signed.rulebook.raw
    with refused(Code.RULEBOOK_INVALID):
        verify_rulebook(raw, signed.sign(raw, *signers), fingerprint=signed.rulebook.digest)


def test_a_forged_signature(signed: Signed) -> None:
    raw = signed.rulebook.raw
    signatures = signed.sign(raw, "lender-a") | {"lender-b": b"0" * 64}
    with refused(Code.SIGNATURE_INVALID):
        verify_rulebook(raw, signatures, fingerprint=signed.rulebook.digest)


def test_one_controlling_group_counts_once(signed: Signed) -> None:
    def merge(document: dict[str, Any]) -> None:
        document["members"][1]["group"] = document["members"][0]["group"]

    with refused(Code.RULEBOOK_INVALID):
        verify_first(signed, signed.changed(merge))


def test_a_suspended_signer_does_not_count(signed: Signed) -> None:
    def suspend(document: dict[str, Any]) -> None:
        document["members"][1]["status"] = MemberStatus.SUSPENDED.value

    with refused(Code.RULEBOOK_INVALID):
        verify_first(signed, signed.changed(suspend))


def same_id(d: dict[str, Any]) -> None:
    d["members"][2]["id"] = d["members"][3]["id"]


def same_key(d: dict[str, Any]) -> None:
    d["members"][2]["identity_key"] = d["members"][3]["hpke_key"]


def two_regulators(d: dict[str, Any]) -> None:
    d["members"][2]["role"] = "regulator"


def gateway_approves(d: dict[str, Any]) -> None:
    d["approvers"]["members"][1] = "gateway"


def twice_the_same_approver(d: dict[str, Any]) -> None:
    d["approvers"]["members"][1] = d["approvers"]["members"][0]


def one_approver_is_enough(d: dict[str, Any]) -> None:
    d["approvers"]["threshold"] = 1


def unknown_key(d: dict[str, Any]) -> None:
    d["extra"] = 1


def unknown_holder(d: dict[str, Any]) -> None:
    d["oprf"]["holders"][0]["member"] = "nobody-here"


def too_few_groups(d: dict[str, Any]) -> None:
    d["policy"]["colluders"] = 2


def attribute_twice(d: dict[str, Any]) -> None:
    d["attributes"].append(d["attributes"][0])


def purpose_twice(d: dict[str, Any]) -> None:
    d["purposes"].append(d["purposes"][0])


def lenders_without_consent(d: dict[str, Any]) -> None:
    d["purposes"][0]["consent_required"] = False


def bad_member_id(d: dict[str, Any]) -> None:
    d["members"][2]["id"] = "Lender C"


def wrong_type(d: dict[str, Any]) -> None:
    d["policy"]["ledger_window"] = "a week"


@pytest.mark.parametrize(
    "change",
    [
        same_id,
        same_key,
        two_regulators,
        gateway_approves,
        twice_the_same_approver,
        one_approver_is_enough,
        unknown_key,
        unknown_holder,
        too_few_groups,
        attribute_twice,
        purpose_twice,
        lenders_without_consent,
        bad_member_id,
        wrong_type,
    ],
)
def test_a_document_that_contradicts_itself(signed: Signed, change: Callable[[dict[str, Any]], None]) -> None:
    with refused(Code.RULEBOOK_INVALID):
        verify_first(signed, signed.changed(change))


def test_a_share_key_off_the_polynomial(signed: Signed) -> None:
    def swap(document: dict[str, Any]) -> None:
        document["oprf"]["holders"][2]["share_key"] = group.scale_base(12345).hex()

    with refused(Code.SHARE_KEYS_INCONSISTENT):
        verify_first(signed, signed.changed(swap))


@pytest.mark.parametrize("raw", [b"", b"{}", b"[]", b"null", b"\xff", b'{"a":1.5}', b'{"b":1,"a":1}'])
def test_other_bytes_are_refused(signed: Signed, raw: bytes) -> None:
    with refused(Code.RULEBOOK_INVALID):
        verify_first(signed, raw)


def test_bytes_that_are_not_canonical_are_refused(signed: Signed) -> None:
    with refused(Code.RULEBOOK_INVALID):
        verify_first(signed, json.dumps(json.loads(signed.rulebook.raw)).encode())


def test_the_next_version_follows_the_trusted_one(signed: Signed) -> None:
    raw = signed.successor()
    after = verify_rulebook(raw, signed.sign(raw, "lender-a", "lender-b"), trusted=signed.rulebook)
    assert after.document.version == 2


def gap(d: dict[str, Any]) -> None:
    d["version"] += 1


def rollback(d: dict[str, Any]) -> None:
    d["version"] = 1


def fork(d: dict[str, Any]) -> None:
    d["previous"] = "00" * 32


def elsewhere(d: dict[str, Any]) -> None:
    d["consortium"] = "another-one"


@pytest.mark.parametrize("change", [gap, rollback, fork, elsewhere])
def test_a_version_that_does_not_follow(signed: Signed, change: Callable[[dict[str, Any]], None]) -> None:
    raw = signed.successor(change)
    with refused(Code.RULEBOOK_INVALID):
        verify_rulebook(raw, signed.sign(raw, "lender-a", "lender-b"), trusted=signed.rulebook)


def test_new_approvers_cannot_appoint_themselves(signed: Signed) -> None:
    def appoint(document: dict[str, Any]) -> None:
        document["approvers"]["members"] = ["lender-c", "lender-d"]

    raw = signed.successor(appoint)
    with refused(Code.RULEBOOK_INVALID):
        verify_rulebook(raw, signed.sign(raw, "lender-c", "lender-d"), trusted=signed.rulebook)
    both = signed.sign(raw, "lender-a", "lender-b", "lender-c", "lender-d")
    assert verify_rulebook(raw, both, trusted=signed.rulebook).document.approvers.members == ("lender-c", "lender-d")


def test_an_expired_rulebook_is_not_current(signed: Signed) -> None:
    signed.rulebook.check_current(NOW)
    with refused(Code.RULEBOOK_INVALID):
        signed.rulebook.check_current(signed.rulebook.document.expires_at)

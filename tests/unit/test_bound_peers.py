"""A custodian lets in certificates that the pinned identity key vouches for, and no others, whatever CA signed them."""

import datetime as dt
import time

import pytest

from consortium.errors import Code
from demo.certificates import Authority
from demo.consortium import CONSORTIUM
from participants.rpc.peers import BoundPeers
from tests.support.codes import refused
from tests.support.nodes import LENDER, foundation

NOW = dt.datetime.now(dt.UTC)


def peers(later: float = 0) -> BoundPeers:
    return BoundPeers(lambda: foundation().rulebook, lambda: time.time() + later)


def authority(**signers: str) -> Authority:
    """A CA that anybody may have made, with identity keys by the member whose certificates they vouch for."""
    keys = {member.replace("_", "-"): foundation().keys[owner].signer for member, owner in signers.items()}
    return Authority(CONSORTIUM, NOW, signers=keys)


def test_a_bound_certificate_is_let_in_again_and_again() -> None:
    checked, pem = peers(), authority(lender_one=LENDER).issue(LENDER, NOW).certificate
    for _ in range(2):
        checked.check_pem(pem)


def test_what_was_found_good_ends_with_the_certificate() -> None:
    pem = authority(lender_one=LENDER).issue(LENDER, NOW).certificate
    with refused(Code.CERTIFICATE_INVALID):
        peers(later=25 * 3600).check_pem(pem)


@pytest.mark.parametrize("signers", [{}, {"lender_one": "lender-two"}])
def test_a_captured_ca_lets_nobody_in(signers: dict[str, str]) -> None:
    with refused(Code.CERTIFICATE_INVALID):
        peers().check_pem(authority(**signers).issue(LENDER, NOW).certificate)


def test_what_is_no_certificate_is_refused() -> None:
    with refused(Code.CERTIFICATE_INVALID):
        peers().check_pem(b"no certificate")

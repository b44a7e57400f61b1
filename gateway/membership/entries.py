"""What the transparency log says of membership: who applied, voted, came in, was cut off or certified; no secrets."""

from collections.abc import Iterable

from consortium.canonical import CanonicalValue
from consortium.membership.applications import Application
from consortium.membership.ballots import Vote
from consortium.membership.emergency import EmergencySuspension
from consortium.model.members import MemberId

Entry = dict[str, CanonicalValue]


def applied(application: Application, digest: bytes) -> Entry:
    """Give the entry of an application."""
    return {
        "kind": "member-application",
        "member": application.member,
        "sponsor": application.sponsor,
        "application": digest.hex(),
    }


def voted(vote: Vote) -> Entry:
    """Give the entry of a vote."""
    return {
        "kind": "member-vote",
        "approver": vote.approver,
        "proposal": vote.proposal.hex(),
        "version": vote.version,
        "vote": vote.decision.value,
    }


def decided(version: int, digest: bytes, signers: Iterable[MemberId]) -> Entry:
    """Give the entry of a version that has its votes."""
    return {"kind": "member-version", "version": version, "rulebook": digest.hex(), "signers": sorted(signers)}


def suspended(notice: EmergencySuspension, digest: bytes) -> Entry:
    """Give the entry of an emergency suspension."""
    return {
        "kind": "member-emergency",
        "member": notice.member,
        "notice": digest.hex(),
        "version": notice.version,
        "lapses_at": notice.lapses_at,
    }


def certified(member: MemberId, tls_key: bytes, valid_until: int) -> Entry:
    """Give the entry of a certificate."""
    return {"kind": "member-certificate", "member": member, "tls_key": tls_key.hex(), "valid_until": valid_until}

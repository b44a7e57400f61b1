"""
Whom a verifier believes of the log, from the rulebook: the gateway's log key, and every witness that has not left.

Written as a C2SP tlog-policy, so that witnesses, exports and other people's tools read the same text. A verifier may
bring a policy of its own instead; whoever follows this one trusts what the rulebook's approvers signed.
"""

from consortium.errors import Code, CreditError
from consortium.model.members import MemberId
from consortium.model.rulebook import Member, MemberStatus, Role, RulebookDocument
from consortium.transparency.notes import KeyType, VerifierKey

QUORUM = "regulators"


def log_origin(consortium: str) -> str:
    """Give the log's name in checkpoints."""
    return f"{consortium}/log"


def witness_name(consortium: str, member: MemberId) -> str:
    """Give a witness's name in cosignatures."""
    return f"{consortium}/witness/{member}"


def witness_keys(document: RulebookDocument) -> dict[MemberId, VerifierKey]:
    """Give the keys of every witness that has not left."""
    return {
        one.id: VerifierKey(witness_name(document.consortium, one.id), KeyType.COSIGNATURE, one.witness_key)
        for one in _present(document)
        if one.witness_key is not None
    }


def policy_text(document: RulebookDocument) -> str:
    """
    Give the tlog-policy that a rulebook stands for: any regulator's cosignature is the quorum, none without one.

    Raises CreditError(POLICY_INVALID) where the rulebook pins no log key.
    """
    keys = [one.log_key for one in _present(document) if one.log_key is not None]
    if not keys:
        raise CreditError(Code.POLICY_INVALID, "the rulebook pins no log key")
    origin, witnesses = log_origin(document.consortium), witness_keys(document)
    lines = [f"log {VerifierKey(origin, KeyType.ED25519, key).vkey}" for key in keys]
    lines += [f"witness {name} {key.vkey}" for name, key in witnesses.items()]
    regulators = [one.id for one in document.members if one.id in witnesses and one.role is Role.REGULATOR]
    lines += [f"group {QUORUM} any {' '.join(regulators)}", f"quorum {QUORUM}"] if regulators else ["quorum none"]
    return "".join(f"{line}\n" for line in lines)


def _present(document: RulebookDocument) -> list[Member]:
    return [one for one in document.members if one.status is not MemberStatus.LEFT]

"""Whom a verifier believes, and what follows from it: the chain of rulebooks, and the log's key with its witnesses."""

from collections.abc import Sequence
from dataclasses import dataclass

from consortium.errors import Code, CreditError
from consortium.membership.log_policy import policy_text
from consortium.membership.trusted import Signed, TrustedSet
from consortium.model.rulebook import Rulebook
from consortium.transparency.policy import Policy, parse_policy


@dataclass(frozen=True, slots=True)
class Trust:
    """
    Whom the verifier believes: the first rulebook's fingerprint, and the logs and witnesses of a policy.

    Without a policy they are those of the newest rulebook that the fingerprint leads to.
    """

    policy: Policy | None
    fingerprint: str | None

    def chain(self, versions: Sequence[Signed]) -> list[Rulebook]:
        """
        Verify versions of the rulebook from the first on; each is signed by the approvers of the one before.

        Raises CreditError(EXPORT_UNDECIDED) without a fingerprint, and as `TrustedSet.update`.
        """
        if self.fingerprint is None:
            raise CreditError(Code.EXPORT_UNDECIDED, "no fingerprint of the first rulebook was given")
        if not versions:
            raise CreditError(Code.EXPORT_INVALID, "no rulebook")
        first, *later = versions
        trusted = TrustedSet.begin(first, self.fingerprint)
        found = [trusted.current]
        for signed in later:
            trusted.update(signed)
            found.append(trusted.current)
        return found

    def log_policy(self, newest: Rulebook | None) -> Policy:
        """
        Give the verifier's own policy, else the one that the newest trusted rulebook stands for.

        Raises CreditError(EXPORT_UNDECIDED) where nothing says whose log it is.
        """
        if self.policy is not None:
            return self.policy
        if newest is None:
            raise CreditError(Code.EXPORT_UNDECIDED, "neither a policy nor a rulebook is trusted: whose log is this?")
        try:
            return parse_policy(policy_text(newest.document).encode())
        except CreditError as error:
            raise CreditError(Code.EXPORT_UNDECIDED, f"no policy was given, and {error.cause}") from error

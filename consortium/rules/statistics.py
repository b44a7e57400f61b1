"""What everybody derives from a template alike: its cells, its noise, what a release costs, and who may ask for it."""

from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

from consortium.errors import Code, CreditError
from consortium.hashing import transcript_hash, uint
from consortium.labels import Label
from consortium.model.catalogue import Purpose
from consortium.model.keys import KeyType, check_certified_key, check_x25519_key, utc_day
from consortium.model.members import MemberId, MemberSet
from consortium.model.rounds import Transcript
from consortium.model.rulebook import Member, Rulebook
from consortium.model.signing import verify_signature
from consortium.model.statistic import SignedStatistic, StatisticHeader
from consortium.model.statistic_policy import (
    EVERYWHERE,
    MAXIMUM_CELLS,
    RHO_UNITS,
    Asker,
    Axis,
    Dimension,
    Measure,
    StatisticsPolicy,
    Template,
    combinations,
)
from consortium.noise.accounting import Noise, epsilon_of, sum_distance, variance_for

STATISTIC_LIFETIME = 600
"""Seconds that a request for a statistic may live: a book has to be read for it."""
MAXIMUM_VARIANCE = 2**80
MAXIMUM_DISTANCE = 1e-15
"""What the sum of shares may be away from one discrete Gaussian; templates with too little noise for it are refused."""


@dataclass(frozen=True, slots=True)
class Statistic:
    """
    A template under a rulebook: its dimensions' values, and the noise that its roster calls for.

    One unit may count at `lenders` of the `members` of the roster.
    """

    template: Template
    values: tuple[tuple[str, ...], ...]
    lenders: int
    members: int
    noise: Noise

    @property
    def count(self) -> int:
        """How many cells there are."""
        found = 1
        for values in self.values:
            found *= len(values)
        return found

    @property
    def cells(self) -> list[tuple[str, ...]]:
        """The cells by the values of their dimensions, in their order."""
        return combinations(self.values)

    @property
    def rho(self) -> Fraction:
        """What a release costs."""
        return Fraction(self.template.rho, RHO_UNITS)


def statistics_policy(rulebook: Rulebook) -> StatisticsPolicy:
    """Give the section; raises CreditError(STATISTIC_UNKNOWN) where the rulebook has none."""
    policy = rulebook.document.statistics
    if policy is None:
        raise CreditError(Code.STATISTIC_UNKNOWN, "the rulebook has no statistics")
    return policy


def statistic_of(name: str, rulebook: Rulebook) -> Statistic:
    """
    Give a statistic by its template's id.

    Raises CreditError(STATISTIC_UNKNOWN), or (RULEBOOK_INVALID) for one whose cells or noise are out of bounds.
    """
    policy, colluders = statistics_policy(rulebook), rulebook.policy.colluders
    for template in policy.templates:
        if template.id == name:
            return _statistic(template, rulebook.roster, colluders)
    raise CreditError(Code.STATISTIC_UNKNOWN, name[:64].encode("ascii", "replace").decode())


@lru_cache(maxsize=256)
def _statistic(template: Template, roster: tuple[MemberId, ...], colluders: int) -> Statistic:
    values = tuple(_values(dimension, roster) for dimension in template.dimensions)
    lenders = len(roster) if template.unit in EVERYWHERE else 1
    variance = variance_for(sensitivity_square(template, lenders), Fraction(template.rho, RHO_UNITS))
    noise = Noise(variance, template.minimum_contributors, colluders)
    found = Statistic(template, values, lenders, len(roster), noise)
    if not 0 < found.count <= MAXIMUM_CELLS:
        raise CreditError(Code.RULEBOOK_INVALID, f"{template.id}: more than {MAXIMUM_CELLS} cells")
    if variance * len(roster) > MAXIMUM_VARIANCE or sum_distance(noise) > MAXIMUM_DISTANCE:
        raise CreditError(Code.RULEBOOK_INVALID, f"{template.id}: noise beyond what words hold, or hardly any")
    return found


def _values(dimension: Dimension, roster: tuple[MemberId, ...]) -> tuple[str, ...]:
    return roster if dimension.axis is Axis.REQUESTER else dimension.values


def sensitivity_square(template: Template, lenders: int) -> int:
    """
    Give the square of the L2 distance that one unit can make.

    One unit changes at most `touches` cells by `bound` at each of `lenders` lenders: at worst in the same cells.
    """
    return template.touches * (template.bound * lenders) ** 2


def check_statistic(statistic: SignedStatistic, rulebook: Rulebook, now: int) -> Statistic:
    """
    Raise unless this statistic may be asked for, by this member, under this rulebook, now (Unix seconds); gives it.

    RULEBOOK_INVALID, RULEBOOK_MISMATCH, MEMBER_NOT_ACTIVE, SIGNATURE_INVALID, CERTIFICATE_INVALID, PUBLIC_KEY_WEAK,
    QUERY_NOT_YET_VALID, QUERY_EXPIRED, MALFORMED, STATISTIC_UNKNOWN or STATISTIC_NOT_ALLOWED; for totals over a list
    PURPOSE_NOT_ALLOWED, FAMILY_NOT_ALLOWED or TIER_NOT_CONTRIBUTED.
    """
    header = statistic.header
    rulebook.check_current(now)
    requester = rulebook.active_member(header.requester)
    if header.rulebook_digest != rulebook.digest:
        raise CreditError(Code.RULEBOOK_MISMATCH, f"version {rulebook.document.version} is in force here")
    verify_signature(requester.identity_key, statistic.signature, Label.STATISTIC, statistic.raw_header)
    check_life(header, rulebook, now)
    _check_key(statistic, requester)
    found = statistic_of(header.template, rulebook)
    if requester.role.value not in found.template.roles:
        raise CreditError(Code.STATISTIC_NOT_ALLOWED, f"{found.template.id} is not for a {requester.role}")
    if bool(header.list_mark) != (found.template.measure is Measure.LIST):
        raise CreditError(Code.MALFORMED, "a list is named by totals over a list, and by nothing else")
    if found.template.measure is Measure.LIST:
        _check_attributes(found, requester, rulebook)
    return found


def _check_attributes(found: Statistic, requester: Member, rulebook: Rulebook) -> None:
    """Raise what a portfolio for these attributes would be refused with: by purpose, family or tier."""
    for name in found.values[0]:
        attribute = rulebook.attributes[name]
        if Purpose.PORTFOLIO not in attribute.purposes:
            raise CreditError(Code.PURPOSE_NOT_ALLOWED, f"{Purpose.PORTFOLIO} may not ask for {name}")
        if attribute.family not in rulebook.policy.families:
            raise CreditError(Code.FAMILY_NOT_ALLOWED, f"{attribute.family} is switched off")
        if attribute.tier not in requester.tiers:
            raise CreditError(Code.TIER_NOT_CONTRIBUTED, f"{name} needs tier {attribute.tier}")


def check_life(header: StatisticHeader, rulebook: Rulebook, now: int) -> None:
    """Raise QUERY_NOT_YET_VALID, QUERY_EXPIRED, or MALFORMED for too long a life."""
    if header.issued_at > now + rulebook.policy.clock_skew:
        raise CreditError(Code.QUERY_NOT_YET_VALID)
    if now >= header.expires_at:
        raise CreditError(Code.QUERY_EXPIRED)
    if not 0 < header.expires_at - header.issued_at <= STATISTIC_LIFETIME:
        raise CreditError(Code.MALFORMED, f"a statistic lives at most {STATISTIC_LIFETIME} s")


def _check_key(statistic: SignedStatistic, requester: Member) -> None:
    header, certified = statistic.header, statistic.query_key
    validity = certified.certificate.valid_from, certified.certificate.valid_until
    if certified.digest != header.query_key_digest or validity != (header.issued_at, header.expires_at):
        raise CreditError(Code.CERTIFICATE_INVALID, "the key is not the one certified for this statistic's life")
    check_x25519_key(certified.key)
    check_certified_key(certified, requester.id, KeyType.EPHEMERAL, requester.identity_key, header.issued_at)


def check_contributors(answering: MemberSet, found: Statistic, requester: MemberId, rulebook: Rulebook) -> None:
    """
    Raise TOO_FEW_CONTRIBUTORS or ROSTER_MISMATCH unless enough controlling groups besides the requester's answer.

    The requester knows its own noise, and what it learns from up to c contributors; the noise of the others is enough.
    """
    if not answering <= rulebook.roster_set:
        raise CreditError(Code.ROSTER_MISMATCH, "the answering set leaves the roster")
    groups = rulebook.groups
    others = {groups[member] for member in answering} - {groups.get(requester)}
    least = found.template.minimum_contributors
    if len(others) < least:
        raise CreditError(Code.TOO_FEW_CONTRIBUTORS, f"{len(others)} groups besides the requester's, {least} needed")


def period_of(issued_at: int, rulebook: Rulebook) -> int:
    """Give the period that a release is charged to: UTC days since 1970, divided by the days of a period."""
    return utc_day(issued_at) // statistics_policy(rulebook).period_days


def budgets(template: Template, rulebook: Rulebook) -> tuple[tuple[str, int], ...]:
    """Give the budgets that a release is charged to, in millionths of rho: the template's and that of all of them."""
    return (template.id, template.budget), ("", statistics_policy(rulebook).budget)


def share_statement(ctx: bytes, found: Statistic, issued_at: int) -> bytes:
    """
    Digest what a contributor states in its signed answer: these cells of this day, under this share of noise.

    Everybody computes the same value; who signs it and adds less noise has signed a lie.
    """
    share, template = found.noise.share, canonical_template(found.template)
    fields = uint(utc_day(issued_at)), str(share.numerator).encode(), str(share.denominator).encode()
    return transcript_hash(Label.STATISTIC_SHARE, ctx, template, *fields)


def canonical_template(template: Template) -> bytes:
    """Give the digest of a template, 32 bytes."""
    return transcript_hash(Label.STATISTIC_TEMPLATE, template.to_bytes())


@dataclass(frozen=True, slots=True)
class Accuracy:
    """What a release is worth: variance of each cell's noise, and (epsilon, delta) of its rho."""

    variance: Fraction
    epsilon: float
    delta_exponent: int


def accuracy_of(found: Statistic, transcript: Transcript, rulebook: Rulebook) -> Accuracy:
    """Give the accuracy of a release with these answers in it."""
    exponent = statistics_policy(rulebook).delta_exponent
    variance = found.noise.total_variance(len(transcript.members))
    return Accuracy(variance, epsilon_of(found.rho, 10.0**-exponent), exponent)


def may_ask(role: str, rulebook: Rulebook) -> tuple[Template, ...]:
    """Give the templates that a role may ask for."""
    policy = rulebook.document.statistics
    return tuple(one for one in policy.templates if Asker.__members__.get(role.upper()) in one.roles) if policy else ()

"""From opened sums to the document that is signed and published."""

from fractions import Fraction

from consortium.hashing import transcript_hash
from consortium.labels import Label
from consortium.membership.signed import sign_document
from consortium.model.facts import Moment
from consortium.model.receipts import Receipt
from consortium.model.rounds import Transcript
from consortium.model.rulebook import Rulebook
from consortium.model.signing import Signer
from consortium.model.statistic import SignedStatistic
from consortium.rules.statistics import Statistic, accuracy_of, canonical_template, statistic_of
from consortium.supervision.releases import ReleasedTable, StatisticRelease, decimal_text, square_root
from consortium.wire.rounds import transcript_to_bytes


def table_of(found: Statistic, values: list[int]) -> ReleasedTable:
    """Name every cell."""
    axes = tuple(dimension.axis.value for dimension in found.template.dimensions)
    return ReleasedTable(axes, tuple(zip(found.cells, values, strict=True)))


def sign_release(
    statistic: SignedStatistic,
    transcript: Transcript,
    values: list[int],
    receipt: Receipt,
    rulebook: Rulebook,
    signer: Signer,
) -> tuple[bytes, ReleasedTable]:
    """Make and sign the release of an answer that was checked and opened; its date is the receipt's, so it repeats."""
    found = statistic_of(statistic.header.template, rulebook)
    table, worth = table_of(found, values), accuracy_of(found, transcript, rulebook)
    policy, template = rulebook.policy, found.template
    moment = Moment.of(
        statistic.header.issued_at, live=False, retention_days=policy.retention_days, clock_skew=policy.clock_skew
    )
    release = StatisticRelease(
        consortium=rulebook.document.consortium,
        member=statistic.header.requester,
        answer=receipt.index,
        template=template.id,
        template_digest=canonical_template(template),
        title=template.title,
        measure=template.measure,
        unit=template.unit,
        rulebook=rulebook.digest,
        as_of=moment.seconds,
        contributors=tuple(sorted(transcript.members)),
        rho=template.rho,
        epsilon=decimal_text(Fraction(worth.epsilon)),
        delta=f"1e-{worth.delta_exponent}",
        sigma=square_root(found.noise.variance),
        standard_error=square_root(worth.variance),
        count=found.count,
        cells=table.digest,
        transcript=transcript_hash(Label.BODY, transcript_to_bytes(transcript)),
        released_at=receipt.time_ms // 1000,
    )
    return sign_document(signer, Label.STATISTIC_RELEASE, release), table

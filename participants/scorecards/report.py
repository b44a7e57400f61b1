"""The validation report of a card: one HTML page with every figure, for whoever approves it; no person is in it."""

from collections.abc import Sequence
from html import escape

from consortium.model.catalogue import SCORE_DIMENSIONS
from consortium.model.scorecard import Scorecard
from participants.regulator.charts import bars, columns
from participants.regulator.markup import bullets, cards, figures, page_head, paragraphs, section, table
from participants.scorecards.fitting import CharacteristicFigures, Fitted
from participants.scorecards.measures import Measures, bands, counts_by_band
from participants.scorecards.sampled import score_sample
from participants.scorecards.samples import Sample

NOT_PROVEN = (
    "Figures of the sample say nothing of people who were refused: nobody knows how they would have paid.",
    "A sample of one time and place: `credit-participant scorecard monitor` says when people have changed.",
    "A characteristic can stand for a protected attribute without having its name: that is for people to judge.",
    "In the consortium a value may be missing that the sample has, where its lender does not answer.",
)


def report(fitted: Fitted, sample: Sample) -> str:
    """Render the page."""
    card = fitted.card
    return "".join(
        (
            page_head(f"Scorecard {card.name}"),
            f"<h1>Scorecard {escape(card.name)}: {escape(card.title)}</h1>",
            _headline(fitted),
            section("Good and bad by score", *_by_score(card, sample)),
            section("Folds", _folds(fitted.folds)),
            section("What it is made of", _made_of(fitted)),
            *(_characteristic(card, one) for one in fitted.figures),
            section("What these figures do not prove", bullets(NOT_PROVEN)),
            "</body></html>\n",
        )
    )


def _headline(fitted: Fitted) -> str:
    whole = fitted.whole
    shown = [
        ("people", f"{whole.people:,}", False),
        ("of them bad", f"{100 * whole.bad / whole.people:.2f} %", False),
        ("AUC on the parts left out", f"{fitted.mean_auc:.4f}" if fitted.folds else "not tried", False),
        ("AUC", f"{whole.auc:.4f}", False),
        ("KS", f"{whole.ks:.4f}", False),
        ("Gini", f"{whole.gini:.4f}", False),
    ]
    scale = fitted.card.scale
    text = (
        f"At {scale.score} points there are {scale.odds} good people to one bad; {scale.pdo} points more double that."
    )
    return cards(shown) + paragraphs([text])


def _by_score(card: Scorecard, sample: Sample) -> tuple[str, str]:
    scores = score_sample(card, sample)
    edges = bands(scores)
    good, bad = (counts_by_band(scores[kind], edges) for kind in (~sample.bad, sample.bad))
    names = [f"below {edges[0]}" if edges else "any", *(f"from {edge}" for edge in edges)]
    rates = [100 * float(b) / max(1, int(g + b)) for g, b in zip(good, bad, strict=True)]
    drawn = figures(
        bars("Bad people of a hundred, by tenth of the score", [*zip(names, rates, strict=True)], " %", "bad", 100),
        columns("People by tenth of the score", [(n, float(g + b)) for n, g, b in zip(names, good, bad, strict=True)]),
    )
    rows = [[n, f"{g:,}", f"{b:,}", f"{r:.2f}"] for n, g, b, r in zip(names, good, bad, rates, strict=True)]
    return drawn, table(["score", "#good", "#bad", "#bad, %"], rows)


def _folds(folds: Sequence[Measures]) -> str:
    rows = (
        [str(number), f"{one.people:,}", f"{one.auc:.4f}", f"{one.ks:.4f}", f"{one.gini:.4f}"]
        for number, one in enumerate(folds, start=1)
    )
    return table(["left out", "#people", "#AUC", "#KS", "#Gini"], rows)


def _made_of(fitted: Fitted) -> str:
    rows = []
    by_id = {one.id: one for one in fitted.figures}
    for dimension in fitted.card.dimensions:
        reasons = {reason.id: reason for reason in dimension.reasons}
        for one in dimension.characteristics:
            found, reason = by_id[one.id], reasons[one.reason]
            span = f"{one.least_points} to {one.most_points}"
            figures_of = [f"{found.information:.3f}", f"{found.coefficient:.3f}", span]
            rows.append(
                [one.id, dimension.id, SCORE_DIMENSIONS[dimension.id], f"{reason.code} {reason.id}", *figures_of]
            )
    left = ", ".join(fitted.left_out) or "none"
    head = ["characteristic", "dimension", "family", "reason", "#information", "#coefficient", "#points"]
    return table(head, rows) + paragraphs([f"Planned and without a say beside the others: {left}."])


def _characteristic(card: Scorecard, found: CharacteristicFigures) -> str:
    title = next(one.title for one in card.characteristics if one.id == found.id)
    rows = []
    for one in found.bins:
        people = one.good + one.bad
        rate = f"{100 * one.bad / people:.2f}" if people else ""
        rows.append([one.values, f"{people:,}", f"{one.bad:,}", rate, f"{one.woe:.3f}", f"{one.points}"])
    head = ["values", "#people", "#bad", "#bad, %", "#weight of evidence", "#points"]
    return section(f"{found.id}: {title}", table(head, rows))

"""
Four people who apply for credit, as a loan officer sees them: ordinary, stacking, hardly known, and not who they say.

Their accounts, applications and whereabouts are recorded by the lenders' own commands' way; then one lender assesses
them. The stolen identity is the ring-road case: payments at the west second ring of Beijing, minutes later at the east
fourth ring, and then an application at the west fourth ring, all within the morning peak.
"""

import datetime as dt
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from consortium.model.catalogue import Family
from consortium.model.members import MemberId
from consortium.model.scorecard import CardRole, Scorecard
from consortium.model.signal_policy import Condition, Hint, Reason, Rule, SignalPolicy, Term
from consortium.signals.defaults import DEFAULT_SIGNALS
from consortium.travel.policy import DEFAULT_TRAVEL, PeakHours, SpeedBand, TravelPolicy
from participants.lender.assess_input import parse_application
from participants.lender.assessment import Assessment
from participants.lender.question_input import with_request_id
from participants.rpc.local_client import LocalClient
from participants.settings import NodeSettings

CARDS = Path(__file__).parent.parent / "examples" / "scorecards"
FAMILIES = (Family.EXPOSURE, Family.REPAYMENT, Family.INQUIRIES, Family.RISK, Family.LOCATION)
BEIJING = dt.timezone(dt.timedelta(hours=8))
WEST_SECOND, EAST_FOURTH, WEST_FOURTH = (39.9075, 116.3490), (39.9075, 116.4870), (39.9075, 116.2720)
PEAK = PeakHours(
    name="Beijing, morning",
    utc_offset=480,
    weekdays=(0, 1, 2, 3, 4, 5, 6),
    begins=7 * 60,
    ends=9 * 60 + 30,
    south=39_700_000,
    west=116_100_000,
    north=40_150_000,
    east=116_700_000,
)
LOW_SCORE = 600
_RULE = Rule(
    id="score_low",
    title="the champion card's score is low",
    purposes=DEFAULT_SIGNALS.rules[0].purposes,
    when=(Condition(terms=(Term(value="score"),), below=LOW_SCORE),),
    hint=Hint.REFER,
    reason=Reason(code="SCORE_LOW", officer=f"score below {LOW_SCORE}", applicant="Your score was too low."),
)


@dataclass(frozen=True, slots=True)
class Role:
    """One of the four: a name, a made-up phone number, what the assessment must come to, and the situation."""

    name: str
    phone: str
    decision: str
    situation: str = ""


ROLES = (
    Role("ordinary", "19900000001", "APPROVE"),
    Role("stacker", "19900000002", "DECLINE"),
    Role("thin_file", "19900000003", "REFER", "THIN_FILE"),
    Role("stolen", "19900000004", "DECLINE"),
)


def signals() -> SignalPolicy:
    """Give the rules that a consortium starts with, and one over the score."""
    return DEFAULT_SIGNALS.model_copy(update={"rules": (*DEFAULT_SIGNALS.rules, _RULE)})


def scorecards() -> tuple[Scorecard, ...]:
    """Give one champion card of two of the example cards: repayment history and credit risk."""
    parts = [Scorecard.model_validate_json((CARDS / f"{name}.json").read_bytes()) for name in ("repayment", "risk")]
    changes = {
        "id": "demo",
        "title": "Repayment history and credit risk",
        "role": CardRole.CHAMPION,
        "dimensions": tuple(dimension for part in parts for dimension in part.dimensions),
    }
    return (parts[0].model_copy(update=changes),)


def travel() -> TravelPolicy:
    """Give the usual speeds, with the rush hour of Beijing."""
    band = SpeedBand(beyond=3_000, kilometres_per_hour=80, peak=40)
    return DEFAULT_TRAVEL.model_copy(update={"bands": (band, *DEFAULT_TRAVEL.bands[1:]), "peaks": (PEAK,)})


def assess_four(folder: Path, lenders: Sequence[MemberId], now: int) -> dict[str, Assessment]:
    """Record what happened to the four at the lenders, and let the first one assess them; `now` is Unix seconds."""
    with ExitStack() as stack:
        nodes = [stack.enter_context(LocalClient(NodeSettings(folder / lender))) for lender in lenders]
        for place, kind, event in _events(now):
            nodes[place].record(kind, json.dumps(event))
        return {role.name: nodes[0].assess(_application(role, now)) for role in ROLES}


def differences(made: Mapping[str, Assessment]) -> int:
    """Count the assessments that did not come to what they must."""
    found = [(made[role.name].decision.value, made[role.name].situation) for role in ROLES]
    return sum(one != (role.decision, role.situation) for one, role in zip(found, ROLES, strict=True))


def print_four(console: Console, made: Mapping[str, Assessment]) -> None:
    """Print the four beside each other."""
    table = Table(title="Four applications", title_justify="left")
    for column in ("who", "own book alone", "with the consortium", "score", "travel", "why"):
        table.add_column(column)
    for name, one in made.items():
        score = one.scores[0].total if one.scores else None
        why = "\n".join(dict.fromkeys(reason.officer for reason in one.reasons)) or "nothing against it"
        before = one.alone.decision.value if one.alone else ""
        table.add_row(name, before, one.decision.value, _text(score), one.travel.verdict if one.travel else "", why)
    console.print(table)


def summary_of(made: Mapping[str, Assessment]) -> dict[str, Any]:
    """Give the four as `summary.json` has them: no identifier is in them."""
    return {name: _summary(one) for name, one in made.items()}


def _summary(one: Assessment) -> dict[str, Any]:
    value = one.model_dump(mode="json")
    score = value["scores"][0] if value["scores"] else None
    return {
        "decision": value["decision"],
        "situation": value["situation"],
        "alone": value["alone"],
        "signals": {item["id"]: item["total"] for item in value["attributes"]},
        "score": score and score["total"],
        "dimensions": {item["id"]: item for item in score["dimensions"]} if score else {},
        "travel": value["travel"],
        "reasons": value["reasons"],
        "answered": len(value["answered"]),
        "entry": value["receipt"] and value["receipt"]["index"],
    }


def _text(score: int | None) -> str:
    return "" if score is None else str(score)


def morning_peak(now: int) -> dt.datetime:
    """Give the last 08:20 in Beijing that has passed."""
    at = dt.datetime.fromtimestamp(now, BEIJING).replace(hour=8, minute=20, second=0, microsecond=0)
    return at if at.timestamp() <= now else at - dt.timedelta(days=1)


def _events(now: int) -> Iterator[tuple[int, str, dict[str, Any]]]:
    """Give what is recorded: the lender's place, the kind of event, the event."""
    ordinary, stacker, thin, stolen = ROLES
    for role, places in ((ordinary, (0, 1, 2)), (stacker, (0, 1)), (thin, (2,)), (stolen, (0, 1, 2))):
        for place in places:
            yield place, "tradeline", _about(role, tradeline=_account(place))
    expires = dt.datetime.fromtimestamp(now + 3_600, dt.UTC).isoformat()
    for place in (1, 2, 3, 4):
        yield place, "inquiry", _about(stacker)
        yield place, "inquiry", _about(stacker)
        yield place, "pending", _about(stacker, id=f"grant-{place}", amount=2_000_000, expires=expires)
    peak = morning_peak(now)
    seen = ((1, WEST_SECOND, 22), (2, EAST_FOURTH, 10), (3, EAST_FOURTH, 9))
    for place, (latitude, longitude), minutes in seen:
        time = (peak - dt.timedelta(minutes=minutes)).isoformat()
        yield place, "location", _about(stolen, latitude=latitude, longitude=longitude, time=time)


def _about(role: Role, **event: Any) -> dict[str, Any]:
    return {"identifiers": {"country": "CN", "phone": role.phone}, **event}


def _account(place: int) -> dict[str, Any]:
    return {
        "account": f"demo-{place}",
        "portfolio": "R",
        "status": "11",
        "opened": "2023-03-01",
        "reported": "2026-01-15",
        "limit": 2_000_000,
        "balance": 300_000,
        "history": [0] * 12,
    }


def _application(role: Role, now: int) -> Any:
    asked: dict[str, Any] = {
        **_about(role),
        "purpose": "origination",
        "amount": 1_000_000,
        "consent": {
            "families": [family.value for family in FAMILIES],
            "issued": dt.datetime.fromtimestamp(now - 60, dt.UTC).isoformat(),
            "expires": dt.datetime.fromtimestamp(now + 3_600, dt.UTC).isoformat(),
            "notice_digest": "aa" * 32,
            "notice_language": "zh-CN",
            "evidence_digest": "bb" * 32,
        },
    }
    if role.name == "stolen":
        latitude, longitude = WEST_FOURTH
        time = morning_peak(now).isoformat()
        asked["travel"] = {"latitude": latitude, "longitude": longitude, "time": time, "payment": "demo-payment-1"}
    return with_request_id(parse_application(json.dumps(asked).encode()))

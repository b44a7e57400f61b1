"""`credit-participant`: the commands of a lender's node."""

from participants.cli.lazy import lazy_app

_CLI = "participants.cli"
_DECIDE, _JOIN, _RECORD = f"{_CLI}.membership_decide", f"{_CLI}.membership_join", f"{_CLI}.record"
BOOK = {
    "check": f"{_CLI}.book_check:check",
    "load": f"{_CLI}.book_load:load",
    "quality": f"{_CLI}.book_quality:quality",
    "retokenise": f"{_CLI}.book_retokenise:retokenise",
    "snapshot": f"{_CLI}.book_snapshot:snapshot",
    "status": f"{_CLI}.book_status:status",
}
SCORECARD = {
    "fit": f"{_CLI}.scorecard_fit:fit_command",
    "check": f"{_CLI}.scorecard_files:check",
    "show": f"{_CLI}.scorecard_files:show",
    "monitor": f"{_CLI}.scorecard_fit:monitor_command",
    "propose": f"{_CLI}.scorecard_propose:propose",
}
STATISTICS = {
    **{name: f"{_CLI}.statistics:{name}" for name in ("ask", "show", "publish")},
    "list": f"{_CLI}.statistics:list_statistics",
    "dimensions": f"{_CLI}.statistics_dimensions:dimensions",
    "rules": f"{_CLI}.statistics_rules:rules",
    "propose": f"{_CLI}.statistics_rules:propose",
}
EVENTS = ("tradeline", "inquiry", "freeze", "dispute", "pending", "confirm", "release", "location")

app = lazy_app(
    {
        "init": f"{_JOIN}:init",
        "apply": f"{_JOIN}:apply",
        "trust": f"{_JOIN}:trust",
        "certificate": f"{_JOIN}:certificate",
        "status": f"{_CLI}.membership_status:status",
        "book": lazy_app(BOOK, "The node's book.", nested=True),
        "conformance": f"{_CLI}.conformance:conformance",
        "serve": f"{_CLI}.serve:serve",
        "query": f"{_CLI}.query:query",
        "assess": f"{_CLI}.assess:assess",
        "explain": f"{_CLI}.assess:explain",
        "shadow": f"{_CLI}.assess:shadow",
        "backtest": f"{_CLI}.backtest:backtest",
        "indicators": f"{_CLI}.indicators:indicators",
        "portfolio": lazy_app(
            {name: f"{_CLI}.portfolio:{name}" for name in ("run", "status", "resume")},
            "Whole lists of people, asked about in one job.",
            nested=True,
        ),
        "record": lazy_app(
            {event: f"{_RECORD}:{event}" for event in EVENTS},
            "Live events, from JSON on standard input or in a file.",
            nested=True,
        ),
        "signals": lazy_app(
            {"show": f"{_CLI}.signals:show", "propose": f"{_CLI}.signals:propose"},
            "The rules that assessments follow.",
            nested=True,
        ),
        "travel": lazy_app(
            {"show": f"{_CLI}.travel:show", "propose": f"{_CLI}.travel:propose"},
            "Travel checks: show and propose their terms.",
            nested=True,
        ),
        "policy": lazy_app(
            {"show": f"{_CLI}.policy:show", "propose": f"{_CLI}.policy:propose"},
            "The limits of the rulebook, its families and suites: show and propose.",
            nested=True,
        ),
        "statistics": lazy_app(STATISTICS, "Statistics over all books: rules, asking, publishing.", nested=True),
        "scorecard": lazy_app(SCORECARD, "Scorecards: fit, check, show, monitor, propose.", nested=True),
        "tags": f"{_CLI}.tags:tags",
        "dispute": f"{_CLI}.disputes:app",
        "inspections": f"{_CLI}.inspections:inspections",
        "passphrase": f"{_CLI}.passphrase:app",
        "receipts": f"{_CLI}.receipts:receipts",
        "doctor": f"{_CLI}.doctor:doctor",
        "invitation": f"{_JOIN}:invitation",
        "sponsor": f"{_DECIDE}:sponsor",
        "approve": f"{_DECIDE}:approve",
        "reject": f"{_DECIDE}:reject",
        "suspend": f"{_DECIDE}:suspend",
        "reinstate": f"{_DECIDE}:reinstate",
        "rotate": f"{_DECIDE}:rotate",
        "leave": f"{_DECIDE}:leave",
        "found": f"{_CLI}.founding:app",
        "generation": f"{_CLI}.generations:app",
        "sandbox": f"{_CLI}.sandbox:sandbox_command",
    },
    "A lender's node: join the consortium, load a book, serve, ask, vote.",
)

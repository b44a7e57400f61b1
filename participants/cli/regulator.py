"""`credit-regulator`: the commands of a regulator."""

from participants.cli.lazy import lazy_app

_CLI = "participants.cli"
_DECIDE, _JOIN, _CASES = f"{_CLI}.membership_decide", f"{_CLI}.membership_join", f"{_CLI}.regulator_cases"

STATISTICS = {
    **{name: f"{_CLI}.statistics:{name}" for name in ("ask", "show", "publish")},
    "list": f"{_CLI}.statistics:list_statistics",
}

app = lazy_app(
    {
        "init": f"{_CLI}.regulator_init:init",
        "apply": f"{_JOIN}:apply",
        "trust": f"{_JOIN}:trust",
        "certificate": f"{_JOIN}:certificate",
        "status": f"{_CLI}.membership_status:status",
        "serve": f"{_CLI}.regulator_serve:serve",
        "watch": f"{_CLI}.regulator_watch:watch",
        "export": f"{_CLI}.regulator_export:export",
        "verify": f"{_CLI}.regulator_verify:verify",
        "evidence": f"{_CLI}.regulator_verify:evidence",
        "report": f"{_CLI}.regulator_verify:report",
        "access-report": f"{_CLI}.regulator_access:access_report",
        "inspect": f"{_CLI}.regulator_inspect:app",
        "complaint": f"{_CASES}:complaint",
        "dispute": f"{_CASES}:dispute",
        "sum-reports": f"{_CLI}.regulator_sums:sum_reports",
        "indicators": f"{_CLI}.regulator_indicators:indicators",
        "statistics": lazy_app(STATISTICS, "Statistics over all books: list, ask, show, publish.", nested=True),
        "order": f"{_CLI}.regulator_order:order",
        "approve": f"{_DECIDE}:approve",
        "reject": f"{_DECIDE}:reject",
        "rotate": f"{_DECIDE}:rotate",
        "leave": f"{_DECIDE}:leave",
        "passphrase": f"{_CLI}.passphrase:app",
    },
    "A regulator: witness the log, watch it, export it, verify and report; inspect, and decide cases.",
)

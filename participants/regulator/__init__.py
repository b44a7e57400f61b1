"""The regulator: a witness of the log, and the audit of what it holds: export, verification, report."""

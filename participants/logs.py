"""Structured logs: one JSON object a line, of fields that code names one by one."""

import json
import logging
import sys
import time

FIELDS = (
    *("method", "code", "cause", "milliseconds", "member", "incident", "type", "version", "address", "holder"),
    *("evidence", "until"),
)


class JsonLines(logging.Formatter):
    """Formats a record with those of FIELDS that it carries; an exception shows its type only."""

    def format(self, record: logging.LogRecord) -> str:
        """Give one line."""
        line: dict[str, object] = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + f".{record.msecs:03.0f}Z",
            "level": record.levelname,
            "logger": record.name,
            "event": record.getMessage(),
        }
        line.update({name: getattr(record, name) for name in FIELDS if hasattr(record, name)})
        if record.exc_info and record.exc_info[0]:
            line["type"] = record.exc_info[0].__name__
        return json.dumps(line)


def configure(level: str) -> None:
    """Send all logs to standard error as JSON lines."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=level, handlers=[handler], force=True)

"""The habit of not printing: values that hold secrets or identifiers show their type and nothing else."""


class Silent:
    """Keeps a value out of every `repr`, log line and exception text."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return repr(self)

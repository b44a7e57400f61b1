"""How the values of a bin are written for people."""

from consortium.model.scorecard import Bin


def values_of(one: Bin) -> str:
    """Write the values of a bin: `up to 3`, `4 to 9`, `from 10`."""
    if one.least is None:
        return "any" if one.most is None else f"up to {one.most}"
    if one.most is None:
        return f"from {one.least}"
    return f"{one.least}" if one.least == one.most else f"{one.least} to {one.most}"

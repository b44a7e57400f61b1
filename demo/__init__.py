"""The whole consortium in one place: the only code that knows both sides."""

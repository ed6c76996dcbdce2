"""How the ways of encoding a query are called in tables and verdicts."""


def plain_name(instruction: str) -> str:
    """An instruction in quotation marks; the empty one is `plain`."""
    return f"“{instruction}”" if instruction else "plain"

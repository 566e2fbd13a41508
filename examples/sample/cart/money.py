"""Amounts of money as text."""


def euros(cents: int) -> str:
    """The amount as a person writes it: euros(1205) is "12.05 EUR"."""
    return f"{cents // 100}.{cents % 100:02d} EUR"

"""The things that are to be bought together."""

from cart.discounts import discounted, free_shipping

SHIPPING = 490


class Cart:
    """Products with their prices in cents and how many of each are wanted."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, int, int]] = []

    def add(self, name: str, price: int, quantity: int = 1) -> None:
        """Put so many of a product into the cart."""
        self.lines.append((name, price, quantity))

    def total(self, percent_off: int = 0) -> int:
        """What all of it costs in cents, without shipping."""
        return discounted(sum(price * quantity for _, price, quantity in self.lines), percent_off)

    def shipping(self, percent_off: int = 0) -> int:
        """What sending it costs in cents."""
        return 0 if free_shipping(self.total(percent_off)) else SHIPPING

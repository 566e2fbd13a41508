"""What is taken off a price."""


def discounted(price: int, percent: int) -> int:
    """The price in whole cents with so many percent taken off."""
    return price - price * percent


def free_shipping(total: int) -> bool:
    """Whether an order of so many cents is sent for nothing: from 50 euros on."""
    return total >= 5000

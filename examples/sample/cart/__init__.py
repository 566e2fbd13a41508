"""A small shopping cart."""

from cart.basket import Cart
from cart.money import euros

__all__ = ["Cart", "euros"]

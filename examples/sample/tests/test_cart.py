import unittest

from cart import Cart, euros
from cart.discounts import discounted


class Discounts(unittest.TestCase):
    def test_ten_percent_off_twenty_euros_is_eighteen_euros(self):
        self.assertEqual(discounted(2000, 10), 1800)

    def test_nothing_off_leaves_the_price(self):
        self.assertEqual(discounted(1999, 0), 1999)


class Carts(unittest.TestCase):
    def test_the_total_counts_each_piece(self):
        cart = Cart()
        cart.add("tea", 450, 2)
        cart.add("cup", 700)
        self.assertEqual(cart.total(), 1600)

    def test_an_order_of_fifty_euros_is_sent_for_nothing(self):
        cart = Cart()
        cart.add("pot", 5000)
        self.assertEqual(cart.shipping(), 0)

    def test_an_amount_is_written_with_two_digits_of_cents(self):
        self.assertEqual(euros(1205), "12.05 EUR")


if __name__ == "__main__":
    unittest.main()

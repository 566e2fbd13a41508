"""The symbols of Haskell."""

from __future__ import annotations

from inline_snapshot import snapshot
from symbol_table import definitions, references, sample

from codeagent.tools.symbols.extract import symbols_of


def test_definitions_are_found_with_their_signatures_and_documentation() -> None:
    assert definitions(sample("sample.hs")) == snapshot(
        [
            "3-6 module Shop.Order | module Shop.Order | Orders of a shop.",
            "14-19 struct Order | data Order a | What somebody buys.",
            "  14-14 constant Order.Order | Order",
            "  15-15 field Order.orderName | orderName :: !String",
            "  16-16 field Order.orderLines | orderLines :: [Line a]",
            "  18-18 constant Order.Empty | Empty",
            "21-22 struct Price | newtype Price = Price { cents :: Int } deriving newtype (Num)",
            "  21-21 constant Price.Price | Price",
            "  21-21 field Price.cents | cents :: Int",
            "24-24 type Handler | type Handler m = Order Price -> m ()",
            "26-28 struct Shape | data Shape",
            "  27-27 constant Shape.Circle | Circle :: Double -> Shape",
            "  28-28 constant Shape.Square | Square :: { side :: Double } -> Shape",
            "    28-28 field Shape.Square.side | side :: Double",
            "30-31 type Elem | type family Elem c",
            "34-39 trait Priced | class Monoid a => Priced a | Things with a price.",
            "  35-35 type Priced.Currency | type Currency a",
            "  37-38 method Priced.price | price :: a -> Price | The price of one.",
            "42-42 method Price.price | price",
            "45-46 method Order.price | price Empty",
            "51-59 function total | total :: (Priced a, Foldable t) => t a -> Int | The sum of all lines.",
            "  57-59 function total.go | go :: Int -> [a] -> Int",
            "63-66 function <+> | (<+>) :: Order a -> Order a -> Order a",
            "68-71 function isEmpty | isEmpty :: Order a -> Bool",
            "74-74 function limit | limit",
            "75-75 function floor' | floor'",
            "77-77 function noSignature | noSignature x",
            "79-79 constant Pair | pattern Pair :: a -> b -> (a, b)",
            '82-82 function c_sin | foreign import ccall "math.h sin" c_sin :: Double -> Double',
            "84-87 function main | main :: IO ()",
        ]
    )


def test_references_are_types_constructors_modules_and_functions_that_are_applied_or_handed_on() -> None:
    assert references(sample("sample.hs")) == snapshot(
        [
            "Shop.Order: Order:4",
            ": Strict:8 List:9 sortOn:9 \\\\:9 Money:10 zero:10",
            "Order.orderName: String:15",
            "Order.orderLines: Line:16",
            "Order: Show:19 Eq:19",
            "Price.cents: Int:21",
            "Price: Num:22",
            "Handler: Order:24 Price:24",
            "Shape.Circle: Double:27 Shape:27",
            "Shape.Square.side: Double:28",
            "Shape.Square: Shape:28",
            "Elem: Elem:31",
            "Priced: Monoid:34",
            "Priced.price: Price:37 Price:38",
            ": Priced:41 Price:41 Show:44 Priced:44 Priced:44 Order:44",
            "Order.price: Empty:45 Price:45 foldMap:46 price:46 orderLines:46 order:46",
            ": Ord:48 Price:48",
            "total: Priced:52 Foldable:52 Int:54 go:55 toList:55 things:55",
            "total.go: Int:57 Int:57 acc:58 go:59 acc:59 cents:59 price:59",
            ": <+>:61",
            "<+>: Order:63 Order:63 Order:63 Empty:64 other:64 other:64 Order:65 Order:65 Order:65 order:66",
            "      Empty:66 order:66",
            "isEmpty: Order:68 Bool:68 Empty:69 True:69 False:71",
            ": Int:73",
            "noSignature: lookup:77 known:77",
            "c_sin: Double:82 Double:82",
            "main: IO:84 Empty:86 print:87 total:87",
        ]
    )


def test_instances_of_types_without_a_name_belong_to_the_class() -> None:
    data = b"""module Main where
instance Pretty [a] where
  pretty = foldMap pretty
instance Pretty (a, b) where
  pretty (x, y) = pretty x <> pretty y
instance Pretty (Either e a) where
  pretty (Left e) = pretty e
  pretty (Right a) = pretty a
"""
    assert [symbol.qualified for symbol in symbols_of("A.hs", data).definitions] == [
        "Main",
        "Pretty.pretty",
        "Pretty.pretty",
        "Either.pretty",
    ]

"""The symbols of Scala."""

from __future__ import annotations

from inline_snapshot import snapshot
from symbol_table import definitions, references, sample

from codeagent.tools.symbols.extract import symbols_of


def test_definitions_are_found_with_their_signatures_and_documentation() -> None:
    assert definitions(sample("sample.scala")) == snapshot(
        [
            "11-17 trait Item | sealed trait Item[+A] extends Product with Serializable | The kinds of thing",
            "      a shop holds.",
            "  12-12 type Item.Id | type Id",
            "  13-13 method Item.price | def price: Money",
            "  14-14 field Item.name | val name: String",
            "  15-16 method Item.discounted | def discounted(percent: Int)(implicit rounding: Rounding):",
            "        Money",
            "19-26 class Book | final case class Book(title: String, pages: Int = 0) extends Item[Book]",
            "  21-21 field Book.title | title: String",
            "  22-22 field Book.pages | pages: Int = 0",
            "  24-24 field Book.name | override val name = title",
            "  25-25 field Book.read | var read, owned = false",
            "  25-25 field Book.owned | var read, owned = false",
            "28-36 class Book | object Book",
            "  29-29 constant Book.Limit | private val Limit: Int = 100",
            "  31-31 method Book.apply | def apply(title: String): Book | Makes a book.",
            "  33-35 class Book.Codec | object Codec extends Encoder[Book]",
            "    34-34 field Book.Codec.ordering | implicit val ordering: Ordering[Book] =",
            "          Ordering.by(_.title)",
            "38-52 class Shop | class Shop[F[_]: Monad](val items: List[Item[_]])(using clock: Clock) extends",
            "      Base(items)",
            "  38-38 field Shop.items | val items: List[Item[_]]",
            "  39-39 method Shop.this | def this()",
            "  41-48 method Shop.find | final protected def find[A <: Item[A], B](key: A => B, others:",
            "        Seq[A]*): Option[A]",
            "    46-46 function Shop.find.loop | def loop(rest: Seq[A]): Option[A]",
            "  50-50 method Shop.+ | def +(other: Shop[F]): Shop[F]",
            "  51-51 field Shop.total | lazy val total = items.map(_.price).sum",
            "54-58 module syntax | package object syntax",
            "  55-57 class syntax.RichItem | implicit class RichItem(item: Item[_])",
            "    56-56 method syntax.RichItem.twice | def twice: Money",
            "60-63 enum Level | enum Level(val weight: Int)",
            "  60-60 field Level.weight | val weight: Int",
            "  61-61 constant Level.Low | Low extends Level(1)",
            "  62-62 constant Level.High | High",
            "  62-62 constant Level.Top | Top",
            "  63-63 method Level.label | def label: String",
            "65-65 type Sku | opaque type Sku = String",
            "66-66 type Handler | type Handler = [T] =>> T => Unit",
            "68-69 class intOrd | given intOrd: Ordering[Int] with",
            "  69-69 method intOrd.compare | def compare(x: Int, y: Int): Int",
            "74-74 method Item.shown | def shown: String",
            "75-75 method Item.++ | def ++ (other: Item[?]): Pair",
            "77-78 function run | def run(args: String*): Unit",
        ]
    )


def test_references_are_calls_members_types_and_imports() -> None:
    assert references(sample("sample.scala")) == snapshot(
        [
            ": Map:4 Set:4",
            "Item: Product:11 Serializable:11",
            "Item.price: Money:13",
            "Item.name: String:14",
            "Item.discounted: Int:15 Rounding:15 Money:15 times:16",
            "Book: deprecated:19",
            "Book.title: String:21",
            "Book.pages: Int:22",
            "Book: Item:23 Book:23",
            "Book.Limit: Int:29",
            "Book.apply: String:31 Book:31 Book:31 Limit:31",
            "Book.Codec: Encoder:33 Book:33",
            "Book.Codec.ordering: Ordering:34 Book:34 Ordering:34 by:34 title:34",
            "Shop: Monad:38",
            "Shop.items: List:38 Item:38",
            "Shop: Clock:38 Base:38",
            "Shop.this: this:39 Nil:39",
            "Shop.find: tailrec:41 Item:42 A:42 A:43 B:43 Seq:44 A:44 Option:45 A:45",
            "Shop.find.loop: Seq:46 A:46 Option:46 A:46 headOption:46",
            "Shop.find: loop:47 flatten:47 filter:47 key:47",
            "Shop.+: Shop:50 F:50 Shop:50 F:50 combine:50",
            "Shop.total: map:51 price:51 sum:51",
            "syntax.RichItem: Item:55",
            "syntax.RichItem.twice: Money:56 price:56",
            "Level.weight: Int:60",
            "Level.Low: Level:61",
            "Level.label: String:63 toLowerCase:63",
            "Sku: String:65",
            "Handler: T:66 Unit:66",
            "intOrd: Ordering:68 Int:68",
            "intOrd.compare: Int:69 Int:69 Int:69",
            ": Ordering:71 Sku:71 Ordering:71 String:71 Item:73",
            "Item.shown: String:74 name:74",
            "Item.++: Item:75 Pair:75 Pair:75",
            "run: main:77 String:77 Unit:77 println:78 Shop:78",
        ]
    )


def test_a_given_without_a_name_is_known_by_its_type() -> None:
    data = b"""given [A: Show]: Show[List[A]] with
  def show(xs: List[A]) = xs.map(_.show).mkString
"""
    assert definitions(symbols_of("a.scala", data)) == ["2-2 method Show.show | def show(xs: List[A])"]

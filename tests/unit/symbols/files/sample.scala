package com.example
package shop

import scala.collection.mutable.{Map => MutableMap, Set}
import com.example.money._

/** The kinds of thing a shop holds.
  *
  * More.
  */
sealed trait Item[+A] extends Product with Serializable {
  type Id
  def price: Money
  val name: String
  def discounted(percent: Int)(implicit rounding: Rounding): Money =
    price.times(percent)
}

@deprecated("use Line", "2.0")
final case class Book(
    title: String,
    pages: Int = 0,
) extends Item[Book] {
  override val name = title
  var read, owned = false
}

object Book {
  private val Limit: Int = 100
  // Makes a book.
  def apply(title: String): Book = new Book(title, Limit)

  object Codec extends Encoder[Book] {
    implicit val ordering: Ordering[Book] = Ordering.by(_.title)
  }
}

class Shop[F[_]: Monad](val items: List[Item[_]])(using clock: Clock) extends Base(items) {
  def this() = this(Nil)

  @tailrec
  final protected def find[A <: Item[A], B](
      key: A => B,
      others: Seq[A]*,
  ): Option[A] = {
    def loop(rest: Seq[A]): Option[A] = rest.headOption
    loop(others.flatten).filter(key(_) == null)
  }

  def +(other: Shop[F]): Shop[F] = combine(this, other)
  lazy val total = items.map(_.price).sum
}

package object syntax {
  implicit class RichItem(item: Item[_]) {
    def twice: Money = item.price * 2
  }
}

enum Level(val weight: Int):
  case Low extends Level(1)
  case High, Top
  def label: String = toString.toLowerCase

opaque type Sku = String
type Handler = [T] =>> T => Unit

given intOrd: Ordering[Int] with
  def compare(x: Int, y: Int): Int = x - y

given Ordering[Sku] = Ordering.String

extension (item: Item[?])
  def shown: String = item.name
  def ++ (other: Item[?]): Pair = Pair(item, other)

@main def run(args: String*): Unit =
  println(Shop(args))

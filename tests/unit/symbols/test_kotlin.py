"""The symbols of Kotlin."""

from __future__ import annotations

from inline_snapshot import snapshot
from symbol_table import definitions, references, sample


def test_definitions_are_found_with_their_signatures_and_documentation() -> None:
    assert definitions(sample("sample.kt")) == snapshot(
        [
            "10-10 constant MAX_LINES | const val MAX_LINES = 100 | The largest number of lines in one order.",
            "12-12 type Handler | typealias Handler<T> = (T) -> Unit",
            "19-34 class Line | data class Line(val sku: String, var count: Int = 1, private val price:",
            "      Price) : Comparable<Line> | One line of an order.",
            "  20-20 field Line.sku | val sku: String",
            "  21-21 field Line.count | var count: Int = 1",
            "  22-22 field Line.price | private val price: Price",
            "  24-25 field Line.total | val total: Price",
            "  27-27 method Line.compareTo | override fun compareTo(other: Line): Int",
            "  30-33 method Line.plus | operator fun plus(other: Line): Line | Two lines of the same thing.",
            "36-48 interface Event | sealed interface Event",
            "  37-37 class Event.Paid | data class Paid(val order: Order) : Event",
            "    37-37 field Event.Paid.order | val order: Order",
            "  38-38 class Event.Cancelled | data object Cancelled : Event",
            "  40-47 enum Event.Level | enum class Level(val weight: Int)",
            "    40-40 field Event.Level.weight | val weight: Int",
            "    41-41 constant Event.Level.LOW | LOW(1)",
            "    42-44 constant Event.Level.HIGH | HIGH(2)",
            "      43-43 method Event.Level.HIGH.label | override fun label()",
            "    46-46 method Event.Level.label | open fun label(): String",
            "50-82 class Order | open class Order internal constructor(private val repository:",
            "      Repository<Order>) : Base(repository), Closeable by repository",
            "  53-53 field Order.repository | private val repository: Repository<Order>",
            "  56-56 method Order.constructor | constructor(name: String) : this(Repository.named(name))",
            "  62-62 class Order.Cursor | inner class Cursor",
            "  64-69 class Order.Factory | companion object Factory",
            '    65-65 constant Order.Factory.PREFIX | private const val PREFIX = "o-"',
            "    67-68 method Order.Factory.create | fun create(name: String): Order",
            "  72-81 method Order.add | suspend fun <T : Any> add(line: Line, vararg handlers: Handler<T>,",
            "        key: (Line) -> T = { it as T }): List<Line> where T : Comparable<T> | Adds a line and",
            "        tells all handlers.",
            "    78-78 function Order.add.notify | fun notify(handler: Handler<T>)",
            "84-86 class Registry | object Registry : Repository<Order>()",
            "  85-85 field Registry.known | val known = mutableMapOf<String, Order>()",
            "88-88 interface Check | fun interface Check",
            "  88-88 method Check.holds | fun holds(order: Order): Boolean",
            '90-90 class Service | annotation class Service(val name: String = "")',
            '  90-90 field Service.name | val name: String = ""',
            "92-92 method Order.joins | infix fun Order.joins(other: Order): Order",
            "94-94 field List.amount | val List<Order>.amount: Int",
        ]
    )


def test_references_are_calls_types_imports_and_objects() -> None:
    assert references(sample("sample.kt")) == snapshot(
        [
            ": JvmName:1 Currency:5 Money:6 math:7",
            "Handler: T:12 Unit:12",
            "Line.sku: String:20",
            "Line.count: Int:21",
            "Line.price: Price:22",
            "Line: Comparable:23 Line:23",
            "Line.total: Price:24",
            "Line.compareTo: Line:27 Int:27 compareTo:27",
            "Line.plus: Line:30 Line:30 require:31 copy:32",
            "Event.Paid.order: Order:37",
            "Event.Paid: Event:37",
            "Event.Cancelled: Event:38",
            "Event.Level.weight: Int:40",
            "Event.Level.label: String:46 lowercase:46",
            "Order: Service:50 Suppress:51",
            "Order.repository: Repository:53 Order:53",
            "Order: Base:54 Closeable:54",
            "Order.constructor: String:56 Repository:56 named:56",
            "Order: log:59",
            "Order.Factory.create: JvmStatic:67 String:68 Order:68 Order:68",
            "Order.add: Throws:72 IOException:72 Any:73 Line:74 Handler:75 T:75 Line:76 T:76 T:76 List:77",
            "      Line:77 Comparable:77 T:77",
            "Order.add.notify: Handler:78 T:78 handler:78 key:78",
            "Order.add: forEach:79 notify:79 map:80 Line:80 copy:80 orEmpty:80",
            "Registry: Repository:84 Order:84",
            "Registry.known: mutableMapOf:85 String:85 Order:85",
            "Check.holds: Order:88 Boolean:88",
            "Service.name: String:90",
            "Order.joins: Order:92 Order:92 Order:92 Order:92",
            "List.amount: List:94 Order:94 Int:94",
        ]
    )

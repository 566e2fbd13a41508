@file:JvmName("Shop")

package com.example.shop

import com.example.money.Currency
import com.example.money.Money as Price
import kotlin.math.*

/** The largest number of lines in one order. */
const val MAX_LINES = 100

typealias Handler<T> = (T) -> Unit

/**
 * One line of an order.
 *
 * @property sku what is bought
 */
data class Line(
    val sku: String,
    var count: Int = 1,
    private val price: Price,
) : Comparable<Line> {
    val total: Price
        get() = price * count

    override fun compareTo(other: Line): Int = sku.compareTo(other.sku)

    // Two lines of the same thing.
    operator fun plus(other: Line): Line {
        require(sku == other.sku) { "not the same" }
        return copy(count = count + other.count)
    }
}

sealed interface Event {
    data class Paid(val order: Order) : Event
    data object Cancelled : Event

    enum class Level(val weight: Int) {
        LOW(1),
        HIGH(2) {
            override fun label() = "high"
        };

        open fun label(): String = name.lowercase()
    }
}

@Service
@Suppress("unused")
open class Order internal constructor(
    private val repository: Repository<Order>,
) : Base(repository), Closeable by repository {

    constructor(name: String) : this(Repository.named(name))

    init {
        log("created")
    }

    inner class Cursor

    companion object Factory {
        private const val PREFIX = "o-"

        @JvmStatic
        fun create(name: String): Order = Order(PREFIX + name)
    }

    /** Adds a line and tells all handlers. */
    @Throws(IOException::class)
    suspend fun <T : Any> add(
        line: Line,
        vararg handlers: Handler<T>,
        key: (Line) -> T = { it as T },
    ): List<Line> where T : Comparable<T> {
        fun notify(handler: Handler<T>) = handler(key(line))
        handlers.forEach { notify(it) }
        return repository.lines?.map(Line::copy).orEmpty()
    }
}

object Registry : Repository<Order>() {
    val known = mutableMapOf<String, Order>()
}

fun interface Check { fun holds(order: Order): Boolean }

annotation class Service(val name: String = "")

infix fun Order.joins(other: Order): Order = Order("${this.name} and ${other.name}")

val List<Order>.amount: Int get() = size

import Foundation
@testable import ShopCore

/// How much a shop may hold.
public let maximumLines = 100

var shared: Shop?

typealias Handler<Value> = (Value) -> Void

/// Something with a price.
public protocol Priced: AnyObject {
    associatedtype Amount: Numeric
    static var currency: String { get }
    var price: Amount { get set }
    func discounted(by percent: Int) -> Amount
    init(price: Amount)
}

@frozen
public struct Line<Item: Priced>: Hashable, Codable {
    let item: Item
    private(set) var count = 1 {
        didSet { log("count") }
    }

    enum CodingKeys: String, CodingKey {
        case item, count = "n"
    }

    subscript(index: Int) -> Item {
        return item
    }

    static func == (left: Line, right: Line) -> Bool {
        left.count == right.count
    }
}

/**
 A result of paying.

 More text.
 */
indirect enum Payment {
    case cash(amount: Double)
    case card(number: String, Payment?)

    var isCash: Bool {
        if case .cash = self { return true }
        return false
    }
}

@MainActor
final class Shop: Base, ObservableObject {
    @Published private var lines: [Line<Book>] = []
    lazy var total: Double = lines.reduce(0) { $0 + $1.item.price }
    static let `default` = Shop(name: "main")

    /// Makes a shop.
    /// It is empty.
    required init?(name: String) {
        guard !name.isEmpty else { return nil }
        super.init()
    }

    deinit { close() }

    @discardableResult
    func add<Item>(
        _ item: Item,
        times count: Int = 1,
        then handler: @escaping Handler<Item>
    ) async throws -> Line<Item> where Item: Priced {
        func check() -> Bool { item.price > 0 }
        guard check() else { throw ShopError.free }
        return try await Line(item: item, count: count)
    }

    class Shelf {
        func clear() {}
    }
}

extension Shop.Shelf: CustomStringConvertible where Element == Book {
    // For people.
    var description: String { "shelf" }
    func sort() { order(self) }
}

actor Till {
    nonisolated func open() {}
}

prefix operator +++

func <+> (left: Line<Book>, right: Line<Book>) -> Line<Book> { left }

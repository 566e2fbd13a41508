"""The symbols of Swift."""

from __future__ import annotations

from inline_snapshot import snapshot
from symbol_table import definitions, references, sample


def test_definitions_are_found_with_their_signatures_and_documentation() -> None:
    assert definitions(sample("sample.swift")) == snapshot(
        [
            "5-5 constant maximumLines | public let maximumLines = 100 | How much a shop may hold.",
            "7-7 variable shared | var shared: Shop?",
            "9-9 type Handler | typealias Handler<Value> = (Value) -> Void",
            "12-18 interface Priced | public protocol Priced: AnyObject | Something with a price.",
            "  13-13 type Priced.Amount | associatedtype Amount: Numeric",
            "  14-14 field Priced.currency | static var currency: String",
            "  15-15 field Priced.price | var price: Amount",
            "  16-16 method Priced.discounted | func discounted(by percent: Int) -> Amount",
            "  17-17 method Priced.init | init(price: Amount)",
            "20-38 struct Line | public struct Line<Item: Priced>: Hashable, Codable",
            "  22-22 field Line.item | let item: Item",
            "  23-25 field Line.count | private(set) var count = 1",
            "  27-29 enum Line.CodingKeys | enum CodingKeys: String, CodingKey",
            '    28-28 constant Line.CodingKeys.item | case item, count = "n"',
            '    28-28 constant Line.CodingKeys.count | case item, count = "n"',
            "  31-33 method Line.subscript | subscript(index: Int) -> Item",
            "  35-37 method Line.== | static func == (left: Line, right: Line) -> Bool",
            "45-53 enum Payment | indirect enum Payment | A result of paying.",
            "  46-46 constant Payment.cash | case cash(amount: Double)",
            "  47-47 constant Payment.card | case card(number: String, Payment?)",
            "  49-52 field Payment.isCash | var isCash: Bool",
            "55-84 class Shop | final class Shop: Base, ObservableObject",
            "  57-57 field Shop.lines | private var lines: [Line<Book>] = []",
            "  58-58 field Shop.total | lazy var total: Double = lines.reduce(0) { $0 + $1.item.price }",
            '  59-59 field Shop.default | static let `default` = Shop(name: "main")',
            "  63-66 method Shop.init | required init?(name: String) | Makes a shop.",
            "  68-68 method Shop.deinit | deinit",
            "  70-79 method Shop.add | func add<Item>(_ item: Item, times count: Int = 1, then handler:",
            "        @escaping Handler<Item>) async throws -> Line<Item> where Item: Priced",
            "    76-76 function Shop.add.check | func check() -> Bool",
            "  81-83 class Shop.Shelf | class Shelf",
            "    82-82 method Shop.Shelf.clear | func clear()",
            "88-88 field Shop.Shelf.description | var description: String | For people.",
            "89-89 method Shop.Shelf.sort | func sort()",
            "92-94 class Till | actor Till",
            "  93-93 method Till.open | nonisolated func open()",
            "98-98 function <+> | func <+> (left: Line<Book>, right: Line<Book>) -> Line<Book>",
        ]
    )


def test_references_are_calls_types_and_imports() -> None:
    assert references(sample("sample.swift")) == snapshot(
        [
            ": Foundation:1 testable:2 ShopCore:2",
            "shared: Shop:7",
            "Handler: Value:9 Void:9",
            "Priced: AnyObject:12",
            "Priced.Amount: Numeric:13",
            "Priced.currency: String:14",
            "Priced.price: Amount:15",
            "Priced.discounted: Int:16 Amount:16",
            "Priced.init: Amount:17",
            "Line: frozen:20 Priced:21 Hashable:21 Codable:21",
            "Line.item: Item:22",
            "Line.count: log:24",
            "Line.CodingKeys: String:27 CodingKey:27",
            "Line.subscript: Int:31 Item:31",
            "Line.==: Line:35 Line:35 Bool:35",
            "Payment.cash: Double:46",
            "Payment.card: String:47 Payment:47",
            "Payment.isCash: Bool:49",
            "Shop: MainActor:55 Base:56 ObservableObject:56",
            "Shop.lines: Published:57 Line:57 Book:57",
            "Shop.total: Double:58 reduce:58",
            "Shop.default: Shop:59",
            "Shop.init: String:63 init:65",
            "Shop.deinit: close:68",
            "Shop.add: discardableResult:70 Item:72 Int:73 Handler:74 Item:74 Line:75 Item:75 Item:75",
            "      Priced:75",
            "Shop.add.check: Bool:76",
            "Shop.add: check:77 ShopError:77 free:77 Line:78",
            ": Shop:86 Shelf:86 CustomStringConvertible:86 Book:86",
            "Shop.Shelf.description: String:88",
            "Shop.Shelf.sort: order:89",
            "<+>: Line:98 Book:98 Line:98 Book:98 Line:98 Book:98",
        ]
    )

"""The symbols of Zig."""

from __future__ import annotations

from inline_snapshot import snapshot
from symbol_table import definitions, references, sample


def test_definitions_are_found_with_their_signatures_and_documentation() -> None:
    assert definitions(sample("sample.zig")) == snapshot(
        [
            "4-4 constant Allocator | const Allocator = std.mem.Allocator",
            "7-7 constant max_lines | pub const max_lines: usize = 100 | The most lines of an order.",
            "9-9 variable counter | var counter: u32 = 0",
            "10-10 variable scratch | threadlocal var scratch: [16]u8 = undefined",
            "14-39 struct Line | pub const Line = struct | One line of an order.",
            "  15-15 field Line.sku | sku: []const u8",
            "  17-17 field Line.count | count: u32 = 1 | How many.",
            '  20-20 constant Line.empty | pub const empty: Line = .{ .sku = "", .count = 0 }',
            "  22-24 method Line.init | pub fn init(sku: []const u8) Line",
            "  27-38 method Line.total | pub fn total(self: *const Self, comptime T: type, rate: T) !T |",
            "        Costs of the line.",
            "    32-36 struct Line.total.inner | const inner = struct",
            "      33-35 method Line.total.inner.helper | fn helper(x: T) T",
            "41-48 enum Level | pub const Level = enum(u8)",
            "  42-42 constant Level.low | low = 1",
            "  43-43 constant Level.high | high",
            "  45-47 method Level.label | pub fn label(self: Level) []const u8",
            "50-53 struct Payment | const Payment = union(enum)",
            "  51-51 field Payment.cash | cash: u32",
            "  52-52 field Payment.card | card: struct { number: [16]u8 }",
            "    52-52 field Payment.card.number | number: [16]u8",
            "55-55 enum ShopError | const ShopError = error{ NotFound, OutOfMemory }",
            "  55-55 constant ShopError.NotFound | NotFound",
            "  55-55 constant ShopError.OutOfMemory | OutOfMemory",
            "57-57 struct Handle | const Handle = opaque",
            "59-68 function List | pub fn List(comptime T: type) type",
            "  64-66 method List.append | pub fn append(self: *This, item: T) Allocator.Error!void",
            "70-72 function shop_open | export fn shop_open(name: [*:0]const u8) callconv(.C) c_int",
            '74-74 function c_open | extern "c" fn c_open(name: [*:0]const u8) c_int',
            "76-78 function twice | inline fn twice(x: anytype) @TypeOf(x)",
            '86-89 function a line has a total | test "a line has a total"',
        ]
    )


def test_references_are_calls_and_types() -> None:
    assert references(sample("sample.zig")) == snapshot(
        [
            "Allocator: Allocator:4",
            "Line.empty: Line:20",
            "Line.init: Line:22",
            "Line.total: Self:28 T:30 T:31",
            "Line.total.inner.helper: T:33 T:33",
            "Line.total: helper:37 times:37 T:37",
            "Level.label: Level:45",
            "List: T:61",
            "List.append: This:64 T:64 Allocator:64 Error:64 grow:65",
            "shop_open: C:70 c_open:71",
            ": assert:83",
            "a line has a total: Line:87 init:87 expectEqual:88 total:88",
            ": total:91 Line:93",
        ]
    )

//! Orders of a shop.
const std = @import("std");
const money = @import("money.zig");
const Allocator = std.mem.Allocator;

/// The most lines of an order.
pub const max_lines: usize = 100;

var counter: u32 = 0;
threadlocal var scratch: [16]u8 = undefined;

/// One line of an order.
/// More text.
pub const Line = struct {
    sku: []const u8,
    /// How many.
    count: u32 = 1,

    const Self = @This();
    pub const empty: Line = .{ .sku = "", .count = 0 };

    pub fn init(sku: []const u8) Line {
        return .{ .sku = sku };
    }

    // Costs of the line.
    pub fn total(
        self: *const Self,
        comptime T: type,
        rate: T,
    ) !T {
        const inner = struct {
            fn helper(x: T) T {
                return x;
            }
        };
        return inner.helper(money.times(T, self.count, rate));
    }
};

pub const Level = enum(u8) {
    low = 1,
    high,

    pub fn label(self: Level) []const u8 {
        return @tagName(self);
    }
};

const Payment = union(enum) {
    cash: u32,
    card: struct { number: [16]u8 },
};

const ShopError = error{ NotFound, OutOfMemory };

const Handle = opaque {};

pub fn List(comptime T: type) type {
    return struct {
        items: []T,
        const This = @This();

        pub fn append(self: *This, item: T) Allocator.Error!void {
            try grow(self, item);
        }
    };
}

export fn shop_open(name: [*:0]const u8) callconv(.C) c_int {
    return c_open(name);
}

extern "c" fn c_open(name: [*:0]const u8) c_int;

inline fn twice(x: anytype) @TypeOf(x) {
    return x * 2;
}

pub usingnamespace @import("other.zig");

comptime {
    std.debug.assert(max_lines > 0);
}

test "a line has a total" {
    const line = Line.init("b-1");
    try std.testing.expectEqual(@as(u32, 1), try line.total(u32, 1));
}

test total {}
test {
    _ = Line;
}

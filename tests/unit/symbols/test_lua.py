"""The symbols of Lua."""

from __future__ import annotations

from inline_snapshot import snapshot
from symbol_table import definitions, references, sample


def test_definitions_are_found_with_their_signatures_and_documentation() -> None:
    assert definitions(sample("sample.lua")) == snapshot(
        [
            '5-5 constant M | local M = { _VERSION = "1.0" }',
            "7-7 constant MAX_LINES | MAX_LINES = 100",
            "8-8 variable count | local count, limit = 0, 10",
            "8-8 variable limit | local count, limit = 0, 10",
            "9-9 variable cache | local cache <const> = {}",
            "14-22 function M.add | function M.add(order, line, ...) | Adds a line to an order.",
            "  15-17 function M.add.check | local function check(value)",
            "25-31 method M.total | function M:total(rate) | What an order costs.",
            "33-33 function M.deep.er.walk | function M.deep.er.walk(node)",
            "35-37 function helper | local helper = function(a, b)",
            "39-41 function M.handler | M.handler = function(event)",
            '43-43 function M.quoted | M["quoted"] = function()',
            "45-50 function global_one | function global_one(first, second)",
            "52-55 function counter | local function counter()",
            "60-60 variable Order | local Order = setmetatable({}, { __index = M }) | Orders.",
            "63-66 variable Order.defaults | Order.defaults = {…",
            "  65-65 function Order.defaults.on_close | on_close = function(self)",
            "68-71 function Order.new | function Order.new(name)",
            "73-75 method Order.__tostring | function Order:__tostring()",
        ]
    )


def test_references_are_calls_and_names_with_a_capital_letter() -> None:
    assert references(sample("sample.lua")) == snapshot(
        [
            ": require:3 cjson:3 require:4 shop.util:4",
            "M.add: M:14",
            "M.add.check: type:16",
            "M.add: check:18 table:19 insert:19 util:21 shallow:21",
            "M.total: M:25 ipairs:27 price:28",
            "M.deep.er.walk: M:33",
            "M.handler: M:39 M:40 write:40",
            "M.quoted: M:43",
            "Order: setmetatable:60 M:60",
            ": Order:61 Order:61",
            "Order.defaults: Order:63",
            "Order.defaults.on_close: close:65",
            "Order.new: Order:68 setmetatable:69 Order:69",
            "Order.__tostring: Order:73 format:74 total:74",
            ": M:77",
        ]
    )

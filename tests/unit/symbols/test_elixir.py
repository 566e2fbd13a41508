"""The symbols of Elixir."""

from __future__ import annotations

from inline_snapshot import snapshot
from symbol_table import definitions, references, sample

from codeagent.tools.symbols.extract import symbols_of


def test_definitions_are_found_with_their_signatures_and_documentation() -> None:
    assert definitions(sample("sample.ex")) == snapshot(
        [
            "1-74 module Shop.Order | defmodule Shop.Order | An order of a customer.",
            "  14-14 constant Shop.Order.max_lines | @max_lines 100",
            "  15-15 type Shop.Order.t | @type t :: %__MODULE__{name: String.t(), lines: [Line.t()]}",
            "  16-16 type Shop.Order.key | @typep key :: atom()",
            "  17-17 function Shop.Order.close | @callback close(t) :: :ok | {:error, term}",
            "  23-30 function Shop.Order.new | def new(name, options \\\\ []) | Makes an order with a name.",
            "  36-44 function Shop.Order.add | def add(%__MODULE__{lines: lines} = order, %Line{} = line) |",
            "        Adds a line and gives",
            "  47-51 function Shop.Order.check! | defp check!(order) | Nobody else calls it.",
            "  54-55 function Shop.Order.empty? | def empty?(%{lines: []})",
            "  57-62 macro Shop.Order.log | defmacro log(text, do: block)",
            "  64-64 macro Shop.Order.is_open | defguard is_open(order) when order.open? == true",
            "  65-65 function Shop.Order.size | defdelegate size(lines), to: Enum, as: :count",
            "  67-67 function Shop.Order.<~> | def left <~> right",
            "  69-73 module Shop.Order.Cursor | defmodule Cursor",
            "    72-72 function Shop.Order.Cursor.next | def next(cursor)",
            "76-79 interface Shop.Priced | defprotocol Shop.Priced",
            "  78-78 method Shop.Priced.price | def price(thing) | What it costs.",
            "82-82 method Shop.Order.price | def price(order)",
            "85-93 module Shop.OrderTest | defmodule Shop.OrderTest",
            '  87-92 module Shop.OrderTest.add/2 | describe "add/2"',
            '    89-91 function Shop.OrderTest.add/2.adds a line | test "adds a line", %{order: order}',
        ]
    )


def test_references_are_calls_modules_and_module_attributes() -> None:
    assert references(sample("sample.ex")) == snapshot(
        [
            "Shop.Order: GenServer:8 Query:9 Shop:10 Line:10 Price:10 Logger:11 Closeable:13",
            "Shop.Order.t: String:15 t:15 Line:15 t:15",
            "Shop.Order.key: atom:16",
            "Shop.Order.new: new:23 String:23 t:23 is_binary:26 Keyword:27 get:27 new:30 to_string:30",
            "Shop.Order.add: Line:39 Map:42 put:42 check!:43",
            "Shop.Order.check!: length:48 max_lines:48 raise:48 ArgumentError:48 Logger:49 debug:49",
            "Shop.Order.log: IO:59 puts:59",
            "Shop.Order.size: Enum:65",
            ": Priced:81",
            "Shop.Order.price: Enum:82 reduce:82 Priced:82 price:82",
            "Shop.OrderTest: Case:86",
            "Shop.OrderTest.add/2: setup:88",
            "Shop.OrderTest.add/2.adds a line: assert:90 Order:90 add:90 Line:90",
        ]
    )


def test_documentation_may_be_a_sigil_and_stand_above_attributes() -> None:
    data = b'''defmodule A do
  @moduledoc ~S"""
  What A is.
  """
  @doc ~s(What b does.)
  @since "1.0"
  @spec b() :: :ok
  # Not for others.
  def b, do: :ok
end
'''
    assert definitions(symbols_of("a.ex", data)) == [
        "1-10 module A | defmodule A | What A is.",
        "  6-9 function A.b | def b | What b does.",
    ]


def test_clauses_of_other_functions_in_between_separate_definitions() -> None:
    data = b"""defmodule A do
  def a(1), do: 1
  def a(2), do: 2
  defp b(x), do: x
  def a(3), do: 3
end
"""
    names = [(symbol.qualified, symbol.start, symbol.end) for symbol in symbols_of("a.ex", data).definitions[1:]]
    assert names == [("A.a", 2, 3), ("A.b", 4, 4), ("A.a", 5, 5)]

defmodule Shop.Order do
  @moduledoc """
  An order of a customer.

  More text.
  """

  use GenServer
  import Ecto.Query, only: [from: 2]
  alias Shop.{Line, Price}
  require Logger

  @behaviour Shop.Closeable
  @max_lines 100
  @type t :: %__MODULE__{name: String.t(), lines: [Line.t()]}
  @typep key :: atom()
  @callback close(t) :: :ok | {:error, term}

  @enforce_keys [:name]
  defstruct [:name, lines: [], open?: true]

  @doc "Makes an order with a name."
  @spec new(String.t(), keyword) :: t
  def new(name, options \\ [])

  def new(name, options) when is_binary(name) do
    %__MODULE__{name: name, lines: Keyword.get(options, :lines, [])}
  end

  def new(name, _options), do: new(to_string(name), [])

  @doc """
  Adds a line and gives
  the order back.
  """
  @impl true
  def add(
        %__MODULE__{lines: lines} = order,
        %Line{} = line
      ) do
    order
    |> Map.put(:lines, [line | lines])
    |> check!()
  end

  # Nobody else calls it.
  defp check!(order) do
    if length(order.lines) > @max_lines, do: raise(ArgumentError)
    Logger.debug("checked")
    order
  end

  @doc false
  def empty?(%{lines: []}), do: true
  def empty?(_), do: false

  defmacro log(text, do: block) do
    quote do
      IO.puts(unquote(text))
      unquote(block)
    end
  end

  defguard is_open(order) when order.open? == true
  defdelegate size(lines), to: Enum, as: :count

  def left <~> right, do: {left, right}

  defmodule Cursor do
    @moduledoc false
    defexception message: "no more lines"
    def next(cursor), do: cursor.at + 1
  end
end

defprotocol Shop.Priced do
  @doc "What it costs."
  def price(thing)
end

defimpl Shop.Priced, for: Shop.Order do
  def price(order), do: Enum.reduce(order.lines, 0, &Shop.Priced.price(&1) + &2)
end

defmodule Shop.OrderTest do
  use ExUnit.Case
  describe "add/2" do
    setup [:order]
    test "adds a line", %{order: order} do
      assert Shop.Order.add(order, %Line{})
    end
  end
end

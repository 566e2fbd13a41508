--- A shop of things.
-- @module shop
local json = require("cjson")
local util = require 'shop.util'
local M = { _VERSION = "1.0" }

MAX_LINES = 100
local count, limit = 0, 10
local cache <const> = {}

--- Adds a line to an order.
-- The line may be a string.
-- @param order the order
function M.add(order, line, ...)
  local function check(value)
    return type(value) == "string"
  end
  if check(line) then
    table.insert(order.lines, line)
  end
  return util.shallow(order)
end

-- What an order costs.
function M:total(rate)
  local sum = 0
  for _, line in ipairs(self.lines) do
    sum = sum + line:price() * rate
  end
  return sum
end

function M.deep.er.walk(node) return node end

local helper = function(a, b)
  return a + b
end

M.handler = function(event)
  M.log.write(event)
end

M["quoted"] = function() end

function global_one(
  first,
  second
)
  return first .. second
end

local function counter()
  count = count + 1
  return function() return count end
end

--[[ Orders.
  Long text.
]]
local Order = setmetatable({}, { __index = M })
Order.__index = Order

Order.defaults = {
  currency = "EUR",
  on_close = function(self) self:close() end,
}

function Order.new(name)
  local self = setmetatable({ name = name }, Order)
  return self
end

function Order:__tostring()
  return ("%s: %d"):format(self.name, self:total(1))
end

return M

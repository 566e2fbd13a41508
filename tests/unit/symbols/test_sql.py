"""The symbols of SQL."""

from __future__ import annotations

from inline_snapshot import snapshot
from symbol_table import definitions, references, sample

from codeagent.tools.symbols.extract import symbols_of


def test_definitions_are_found_with_their_signatures_and_documentation() -> None:
    assert definitions(sample("sample.sql")) == snapshot(
        [
            "2-7 table customers | CREATE TABLE customers | Customers of the shop.",
            "  3-3 field customers.id | id SERIAL PRIMARY KEY",
            "  4-4 field customers.name | name VARCHAR(100) NOT NULL DEFAULT 'nobody'",
            "  6-6 field customers.address | address TEXT | where they live",
            "10-16 table shop.orders | CREATE TABLE IF NOT EXISTS shop.orders | What they ordered.",
            "  11-11 field shop.orders.id | id BIGINT PRIMARY KEY",
            "  12-12 field shop.orders.customer_id | customer_id INTEGER REFERENCES customers (id) ON DELETE",
            "        CASCADE",
            '  13-13 field shop.orders.total price | "total price" NUMERIC(10, 2)',
            "18-18 constant orders_by_customer | CREATE UNIQUE INDEX CONCURRENTLY orders_by_customer ON",
            "      shop.orders (customer_id, id)",
            "20-25 table open_orders | CREATE OR REPLACE VIEW open_orders",
            "27-29 table sums | CREATE MATERIALIZED VIEW sums",
            "31-31 type mood | CREATE TYPE mood AS ENUM ('sad', 'ok')",
            "33-33 constant shop.numbers | CREATE SEQUENCE shop.numbers START 1",
            "35-35 module archive | CREATE SCHEMA archive",
            "38-47 function shop.order_total | CREATE OR REPLACE FUNCTION shop.order_total(order_id BIGINT,",
            "      rate NUMERIC DEFAULT 1) RETURNS NUMERIC LANGUAGE plpgsql | The sum of an order.",
            "49-49 function one | CREATE FUNCTION one() RETURNS INTEGER",
            "51-53 function touch | CREATE TRIGGER touch BEFORE UPDATE ON customers FOR EACH ROW EXECUTE",
            "      FUNCTION set_changed()",
            "55-55 field customers.email | email TEXT",
            '57-57 table old customers | CREATE TABLE "old customers"',
            "65-67 function tidy | CREATE PROCEDURE tidy() LANGUAGE sql",
        ]
    )


def test_references_are_tables_and_functions_that_are_used() -> None:
    assert references(sample("sample.sql")) == snapshot(
        [
            "shop.orders.customer_id: customers:12",
            "shop.orders: people:15",
            "orders_by_customer: orders:18",
            "open_orders: count:21 orders:22 customers:23 payments:24",
            "sums: orders:28 sum:29 recent:29",
            "shop.order_total: sum:45 lines:45",
            "touch: customers:52 set_changed:53",
            ": customers:55",
            "old customers: customers:57",
            ": customers:59 orders:61 one:61 payments:63",
            "tidy: customers:67",
        ]
    )


def test_names_and_batches_of_transact_sql_are_understood() -> None:
    data = b"""CREATE PROCEDURE dbo.pay @x INT AS BEGIN UPDATE orders SET paid = @x END
GO
CREATE TABLE [dbo].[Users] ([Id] INT);
GO
CREATE PROCEDURE [dbo].[GetUsers]
  @Name nvarchar(30) = NULL
AS
BEGIN
  SELECT * FROM [dbo].[Users] WHERE Name = @Name;
END
GO
create table plain (id int[]);
"""
    assert definitions(symbols_of("a.sql", data)) == snapshot(
        [
            "1-1 function dbo.pay | CREATE PROCEDURE dbo.pay @x INT",
            '3-3 table dbo.Users | CREATE TABLE "dbo"."Users"',
            '  3-3 field dbo.Users.Id | "Id" INT',
            '5-10 function dbo.GetUsers | CREATE PROCEDURE "dbo"."GetUsers" @Name nvarchar(30) = NULL',
            "12-12 table plain | create table plain",
            "  12-12 field plain.id | id int[]",
        ]
    )


def test_delimiters_of_mysql_are_understood() -> None:
    data = b"""DELIMITER //
CREATE PROCEDURE tidy(IN x INT)
BEGIN
  DELETE FROM logs WHERE id = x;
END //
CREATE VIEW v AS SELECT * FROM logs //
DELIMITER ;
CREATE TABLE logs (id INT);
"""
    assert definitions(symbols_of("a.sql", data)) == snapshot(
        [
            "2-5 function tidy | CREATE PROCEDURE tidy(IN x INT)",
            "6-6 table v | CREATE VIEW v",
            "8-8 table logs | CREATE TABLE logs",
            "  8-8 field logs.id | id INT",
        ]
    )

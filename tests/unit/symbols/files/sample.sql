-- Customers of the shop.
CREATE TABLE customers (
    id SERIAL PRIMARY KEY,
    name VARCHAR(100) NOT NULL DEFAULT 'nobody',
    -- where they live
    address TEXT
);

/* What they ordered. */
CREATE TABLE IF NOT EXISTS shop.orders (
    id BIGINT PRIMARY KEY,
    customer_id INTEGER REFERENCES customers (id) ON DELETE CASCADE,
    "total price" NUMERIC(10, 2),
    CONSTRAINT positive CHECK (id > 0),
    FOREIGN KEY (customer_id) REFERENCES shop.people (id)
);

CREATE UNIQUE INDEX CONCURRENTLY orders_by_customer ON shop.orders (customer_id, id);

CREATE OR REPLACE VIEW open_orders AS
SELECT o.id, c.name, count(*) AS n
FROM shop.orders AS o
JOIN customers c ON c.id = o.customer_id
WHERE o.id IN (SELECT order_id FROM payments)
GROUP BY o.id, c.name;

CREATE MATERIALIZED VIEW sums AS
WITH recent AS (SELECT * FROM shop.orders)
SELECT sum(id) FROM recent;

CREATE TYPE mood AS ENUM ('sad', 'ok');

CREATE SEQUENCE shop.numbers START 1;

CREATE SCHEMA archive;

-- The sum of an order.
CREATE OR REPLACE FUNCTION shop.order_total(
    order_id BIGINT,
    rate NUMERIC DEFAULT 1
) RETURNS NUMERIC
LANGUAGE plpgsql
AS $$
BEGIN
    RETURN (SELECT sum(price) * rate FROM lines WHERE lines.order_id = order_id);
END;
$$;

CREATE FUNCTION one() RETURNS INTEGER AS 'SELECT 1' LANGUAGE sql;

CREATE TRIGGER touch
BEFORE UPDATE ON customers
FOR EACH ROW EXECUTE FUNCTION set_changed();

ALTER TABLE customers ADD COLUMN email TEXT;

CREATE TABLE "old customers" AS SELECT * FROM customers;

INSERT INTO customers (name) VALUES ('Ada');

UPDATE shop.orders SET id = one() WHERE id = 2;

DELETE FROM payments WHERE id = 3;

CREATE PROCEDURE tidy()
LANGUAGE sql
AS $$ DELETE FROM customers; $$;

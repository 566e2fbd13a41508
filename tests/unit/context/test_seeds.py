"""What is read out of requests and of what failing programs print."""

from __future__ import annotations

import time

import pytest

from codeagent.agent.context.ranking.seeds import MOST, Place, named_in, places_in


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ('  File "/home/me/app/shop.py", line 12, in sell\n    x()', [("/home/me/app/shop.py", 12)]),
        ("tests/test_shop.py:33: AssertionError", [("tests/test_shop.py", 33)]),
        ("    at Shop.sell (/srv/app/src/shop.js:10:15)", [("/srv/app/src/shop.js", 10)]),
        ("    at file:///srv/app/shop.mjs:4:2", [("/srv/app/shop.mjs", 4)]),
        ("src/shop.ts(12,5): error TS2345: no", [("src/shop.ts", 12)]),
        ("thread 'main' panicked at src/main.rs:7:9:\nboom", [("src/main.rs", 7)]),
        (" --> crates/core/src/lib.rs:41:13", [("crates/core/src/lib.rs", 41)]),
        ("\t/go/src/app/shop.go:88 +0x1d", [("/go/src/app/shop.go", 88)]),
        ("    shop_test.go:15: want 1", [("shop_test.go", 15)]),
        ("\tat com.acme.shop.Cart.add(Cart.java:42)", [("com/acme/shop/Cart.java", 42)]),
        ("\tat app//com.acme.Cart$Item.<init>(Cart.java:9)", [("com/acme/Cart.java", 9)]),
        ("shop.c:3:5: error: expected ';'", [("shop.c", 3)]),
        (r"   at Acme.Shop.Sell() in C:\src\Shop.cs:line 21", [("C:/src/Shop.cs", 21)]),
        ("PHP Fatal error: x in /var/www/shop.php on line 8", [("/var/www/shop.php", 8)]),
        ("lib/shop.rb:5:in `sell': no (NoMethodError)", [("lib/shop.rb", 5)]),
        ("    (shop 0.1.0) lib/shop/cart.ex:17: Shop.Cart.add/2", [("lib/shop/cart.ex", 17)]),
        ("It took 12:30 and costs 3.50", []),
        ("", []),
    ],
)
def test_places_of_a_failure(text: str, places: list[tuple[str, int]]) -> None:
    assert [(place.path, place.line) for place in places_in(text)] == places


def test_places_stand_in_their_order_and_once() -> None:
    text = 'File "a.py", line 1, in f\nFile "b.py", line 2, in g\nb.py:2: Error\na.py:1: Error\nc.py:3: Error'
    assert places_in(text) == (Place("a.py", 1), Place("b.py", 2), Place("c.py", 3))


def test_names_of_a_request() -> None:
    named = named_in(
        "Make `run` of Session.close() call parse_header in tools/api.py, HTTPServer and foo::bar; not Path"
    )
    assert named.code == ("run", "Session.close", "parse_header", "api.py", "HTTPServer", "foo.bar")
    assert "Path" in named.words
    assert "tools/api.py" in named.paths


def test_a_sentence_ends_without_becoming_a_path() -> None:
    assert named_in("Look at shop.py. Then stop.").paths == ("shop.py",)


@pytest.mark.parametrize(
    "text",
    ["a.", "`", "x", "a/b", "(", "at ", "at a.", 'File "', "C:\\", "a.b ", "-", "x.y:", "a.py:1\n", "`x"],
    ids=repr,
)
def test_long_texts_take_no_longer_than_they_are(text: str) -> None:
    long = text * (1_000_000 // len(text))
    start = time.process_time()
    assert len(named_in(long).code) <= MOST
    assert len(places_in(long)) <= MOST
    assert time.process_time() - start < 5

"""What a request is about, found in real files by a real index."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator
from pathlib import Path

import numpy as np
import pytest
from embedders import TrigramEmbedder
from index_stage import open_index, write

from codeagent.agent.context.index.index import CodeIndex
from codeagent.agent.context.ranking.seeds import Place, Seeds
from codeagent.agent.context.ranking.standing import Signal
from codeagent.agent.context.ranking.vectors import Vectors
from codeagent.agent.context.retrieval import Hit, Retriever

FILES = {
    "shop/cart.py": '''"""Shopping carts."""
from shop.prices import price_of
from shop.text import trim


class Cart:
    """What a customer is about to buy."""

    def add(self, article, count):
        """Put an article into it."""
        self.items.append((article, price_of(article) * count))

    def total(self):
        return sum(price for _, price in self.items)
''',
    "shop/prices.py": '''from shop.currency import round_to_cents

VAT = 0.19


def price_of(article):
    """What one piece costs, taxes included."""
    return round_to_cents(article.net * (1 + VAT))


def total(articles):
    return sum(map(price_of, articles))
''',
    "shop/currency.py": '''def round_to_cents(amount):
    """Commercial rounding."""
    return round(amount, 2)
''',
    "shop/text.py": '''def trim(text):
    """Cut blanks off both ends."""
    return text.strip()
''',
    "shop/mail.py": '''class MailSender:
    def send_receipt(self, address, cart):
        """Tell the customer what was bought, by mail."""
''',
    "tests/test_cart.py": """from shop.cart import Cart


def test_receipt_total_of_a_cart():
    assert Cart().total() == 0
""",
    "README.md": "# Shop\n\n## Currency\n",
}


@pytest.fixture
async def index(tmp_path: Path) -> AsyncGenerator[CodeIndex]:
    root = tmp_path / "root"
    root.mkdir()
    write(root, FILES)
    async with open_index(root, tmp_path / "cache" / "index.sqlite") as index:
        await index.refresh()
        yield index


def names(hits: list[Hit]) -> list[str]:
    return [hit.path + (f":{hit.symbol.qualified}" if hit.symbol else "") for hit in hits]


async def test_a_symbol_that_is_named_comes_first(index: CodeIndex) -> None:
    hits = await Retriever(index).retrieve("`round_to_cents` should round half to even, as price_of expects")
    assert set(names(hits)[:2]) == {"shop/currency.py:round_to_cents", "shop/prices.py:price_of"}
    assert "names round_to_cents" in hits[names(hits).index("shop/currency.py:round_to_cents")].why


async def test_the_qualified_name_tells_two_of_one_name_apart(index: CodeIndex) -> None:
    assert names(await Retriever(index).retrieve("Cart.total is off"))[0] == "shop/cart.py:Cart.total"
    assert names(await Retriever(index).retrieve("prices.total is off"))[0] == "shop/prices.py:total"


async def test_a_file_that_is_named_comes_first(index: CodeIndex) -> None:
    hits = await Retriever(index).retrieve("Make shop/text.py faster when the cart adds articles")
    assert hits[0].path == "shop/text.py"


async def test_plain_words_find_the_place(index: CodeIndex) -> None:
    retriever = Retriever(index)
    assert names(await retriever.retrieve("taxes on one piece are wrong"))[0] == "shop/prices.py:price_of"
    hits = await retriever.retrieve("send a receipt to the customer")
    assert names(hits)[0] == "shop/mail.py:MailSender.send_receipt"
    assert "has " in hits[0].why
    assert "receipt" in hits[0].why


async def test_what_the_found_uses_is_found_too(index: CodeIndex) -> None:
    with_graph = names(await Retriever(index).retrieve("taxes on one piece are wrong"))
    without = [signal for signal in Signal if signal is not Signal.GRAPH]
    assert any(name.startswith("shop/currency.py") for name in with_graph)
    assert not any(
        name.startswith("shop/currency.py")
        for name in names(await Retriever(index, signals=without).retrieve("taxes on one piece are wrong"))
    )


async def test_a_failing_line_finds_its_function(index: CodeIndex) -> None:
    trace = (
        'Traceback (most recent call last):\n  File "/builds/shop/currency.py", line 3, in round_to_cents\nTypeError'
    )
    hits = await Retriever(index).retrieve(f"Fix this:\n{trace}")
    assert names(hits)[0] == "shop/currency.py:round_to_cents"
    seeds = Seeds(places=(Place("shop/currency.py", 3),))
    hits = await Retriever(index).retrieve("make the tests pass", seeds=seeds)
    assert "shop/currency.py:round_to_cents" in names(hits)[:2]
    assert "line 3" in hits[names(hits).index("shop/currency.py:round_to_cents")].why


async def test_tests_come_last_unless_they_are_asked_for(index: CodeIndex) -> None:
    retriever = Retriever(index)
    assert (await retriever.retrieve("receipt total of a cart"))[0].path != "tests/test_cart.py"
    assert (await retriever.retrieve("the test of the receipt total of a cart"))[0].path == "tests/test_cart.py"
    assert (await retriever.retrieve("see tests/test_cart.py"))[0].path == "tests/test_cart.py"


async def test_files_of_the_session_are_preferred(index: CodeIndex) -> None:
    retriever = Retriever(index)
    plain = [hit.path for hit in await retriever.retrieve("the customer and the mail")]
    seeds = Seeds(touched=("no/such/file.py", "shop/text.py"), recent=("shop/currency.py",))
    hits = await retriever.retrieve("the customer and the mail", seeds=seeds)
    touched = [hit.path for hit in hits]
    assert "shop/text.py" not in plain[: touched.index("shop/text.py") + 1]
    assert "touched lately" in hits[touched.index("shop/text.py")].why


async def test_hits_are_as_many_as_asked_for_and_always_the_same(index: CodeIndex) -> None:
    first = await Retriever(index).retrieve("what does the cart cost", limit=3)
    assert len(first) == 3
    assert first == await Retriever(index).retrieve("what does the cart cost", limit=3)
    scores = [hit.score for hit in first]
    assert scores == sorted(scores, reverse=True)


@pytest.mark.parametrize("signal", list(Signal))
async def test_each_signal_alone_answers(index: CodeIndex, signal: Signal) -> None:
    seeds = Seeds(touched=("shop/mail.py",))
    hits = await Retriever(index, signals=[signal]).retrieve("send_receipt to the customer", seeds=seeds)
    if signal is Signal.VECTORS:
        assert hits == []
    else:
        assert hits[0].path == "shop/mail.py" if signal is not Signal.GRAPH else hits


async def test_what_changes_is_found_at_the_next_request(index: CodeIndex, tmp_path: Path) -> None:
    retriever = Retriever(index)
    await retriever.retrieve("anything")
    write(tmp_path / "root", {"shop/coupon.py": "def redeem_coupon(code):\n    return code\n"})
    await index.update([tmp_path / "root" / "shop" / "coupon.py"])
    assert names(await retriever.retrieve("redeem a coupon"))[0] == "shop/coupon.py:redeem_coupon"
    (tmp_path / "root" / "shop" / "coupon.py").unlink()
    await index.update([tmp_path / "root" / "shop" / "coupon.py"])
    assert not any("coupon.py" in name for name in names(await retriever.retrieve("redeem a coupon")))


@pytest.mark.parametrize(
    "request_",
    ["", " ", "\x00", "\ud800", "?!", "the", "a" * 100_000, "`" * 1000, "x " * 50_000, "\u202e" * 9],
    ids=lambda text: repr(text[:9]),
)
async def test_any_request_is_answered(index: CodeIndex, request_: str) -> None:
    assert len(await Retriever(index).retrieve(request_)) <= 10
    assert len(await Retriever(index).rank(request_)) > 0


async def test_an_empty_folder_has_no_hits(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    async with open_index(tmp_path / "root", tmp_path / "cache" / "index.sqlite") as index:
        assert await Retriever(index).retrieve("anything") == []
        await index.refresh()
        assert await Retriever(index).retrieve("anything", seeds=Seeds(touched=("a.py",))) == []
        assert len(await Retriever(index).rank()) == 0


async def test_names_that_are_not_utf8_are_found(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (root / os.fsdecode(b"caf\xe9.py")).write_text("def brew_coffee(): pass\n")
    async with open_index(root, tmp_path / "cache" / "index.sqlite") as index:
        await index.refresh()
        (hit,) = await Retriever(index).retrieve("brew_coffee", seeds=Seeds(touched=(os.fsdecode(b"caf\xe9.py"),)))
        assert os.fsencode(hit.path) == b"caf\xe9.py"
        assert hit.symbol is not None


async def test_vectors_find_what_no_word_does(index: CodeIndex, tmp_path: Path) -> None:
    vectors = Vectors(TrigramEmbedder(), tmp_path / "vectors")
    retriever = Retriever(index, vectors)
    assert await retriever.learn() > 0
    assert await retriever.learn() == 0
    request = "roundings of centimes"  # no such word stands anywhere
    hits = await retriever.retrieve(request)
    assert hits[0].path == "shop/currency.py"
    assert "near in meaning" in hits[0].why
    words = [signal for signal in Signal if signal is not Signal.VECTORS]
    without = await Retriever(index, vectors, words).retrieve(request)
    assert [hit.score for hit in without if hit.path == "shop/currency.py"] != [hits[0].score]


async def test_without_a_model_there_is_nothing_to_learn(index: CodeIndex) -> None:
    assert await Retriever(index).learn() == 0


async def test_the_best_definitions_are_those_that_others_use(index: CodeIndex) -> None:
    ranking = await Retriever(index).rank()
    order = [f"{one.path}:{one.qualified}" for one in ranking]
    assert order.index("shop/prices.py:price_of") < order.index("shop/mail.py:MailSender.send_receipt")
    assert order.index("shop/cart.py:Cart") < order.index("tests/test_cart.py:test_receipt_total_of_a_cart")
    assert np.unique(order).size == len(order)
    assert (await Retriever(index).rank("MailSender.send_receipt"))[0].qualified == "MailSender.send_receipt"

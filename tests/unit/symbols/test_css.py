"""The symbols of CSS."""

from __future__ import annotations

from inline_snapshot import snapshot
from symbol_table import definitions, references, sample


def test_definitions_are_found_with_their_signatures_and_documentation() -> None:
    assert definitions(sample("sample.css")) == snapshot(
        [
            "6-9 rule :root | :root | Colours of the shop.",
            "  7-7 variable :root.--accent | --accent: #0a7",
            "  8-8 variable :root.--gap | --gap: calc(2 * 4px)",
            '11-16 rule .cart | .cart, .cart > .line:hover::after, #site-header a[href^="http"]',
            "20-20 rule .cart | .cart",
            "23-23 rule .grid | .grid",
            "27-31 rule slide-in | @keyframes slide-in",
            "38-45 rule .menu | .menu",
            "  40-43 rule .menu.& .item | & .item",
            "    42-42 rule .menu.& .item.&:hover | &:hover",
            "49-51 rule theme | @layer theme",
            "  50-50 rule theme.h1 | h1, h2",
            "54-54 rule shop-line | shop-line",
            "57-61 variable --angle | @property --angle",
        ]
    )


def test_references_are_classes_ids_properties_animations_and_imports() -> None:
    assert references(sample("sample.css")) == snapshot(
        [
            ": base.css:2 theme.css:3",
            ".cart: cart:11 cart:12 line:12 site-header:13 --accent:14 --gap:15",
            ".cart: cart:20",
            ".grid: grid:23",
            ".menu: menu:38 slide-in:39",
            ".menu.& .item: item:40",
        ]
    )

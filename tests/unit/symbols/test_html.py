"""The symbols of HTML."""

from __future__ import annotations

from inline_snapshot import snapshot
from symbol_table import definitions, references, sample


def test_definitions_are_found_with_their_signatures_and_documentation() -> None:
    assert definitions(sample("sample.html")) == snapshot(
        [
            '16-46 element top | <body id="top">',
            '  18-24 element top.site-header | <header id="site-header" class="wide dark"> | Where people',
            "        look first.",
            "    20-23 element top.site-header.menu | <nav id='menu'>",
            '  26-36 element top.cart | <section id=cart class="box" data-count="3">',
            '    29-29 element top.cart.cart-title | <h2 id="cart-title">',
            '    34-34 element top.cart.logo | <img id="logo" src="img/logo.png" alt="">',
            '    35-35 element top.cart.code | <input id="code" name="code"/>',
            '  37-39 element top.line-template | <template id="line-template">',
            '  45-45 element top.last | <p id="last">',
        ]
    )


def test_references_are_custom_elements_scripts_and_styles() -> None:
    assert references(sample("sample.html")) == snapshot(
        [": css/shop.css:6 js/shop.js:7", "top.cart: shop-line:30 shop-total:33", "top.line-template: shop-price:38"]
    )

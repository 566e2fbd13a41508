"""Tells trees in which a query would search for minutes, because of one sort of node; knows no query."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import tree_sitter

# About a second.
_MAX_STEPS = 1_000_000_000
_SMALL = 2000


def is_searchable(tree: tree_sitter.Tree) -> bool:
    """Whether a search of the tree ends soon.

    At each token without a name tree-sitter looks for the next sibling with a name. That is near, but not in the error
    nodes of text like 200,000 opening brackets: they have all tokens as their children, so it takes the square.
    """
    steps = 0
    nodes = [tree.root_node]
    while nodes:
        node = nodes.pop()
        if not node.has_error:
            continue
        children = node.children
        nodes += children
        if len(children) > _SMALL:
            run = 0
            for child in children:
                run = 0 if child.is_named else run + 1
                steps += run
            if steps > _MAX_STEPS:
                return False
    return True

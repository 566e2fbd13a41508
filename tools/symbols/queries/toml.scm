; TOML: tables, their keys and those of inline tables in them. What the captures mean stands in captures.py.

(table . [(bare_key) (quoted_key)] @name) @definition.key
(table . (dotted_key (_) @qualifier . (_) @name .)) @definition.key
(table_array_element . [(bare_key) (quoted_key)] @name) @definition.key
(table_array_element . (dotted_key (_) @qualifier . (_) @name .)) @definition.key
(table . (_) @name . (pair) @body)
(table . (dotted_key (_) @name .) . (pair) @body)
(table_array_element . (_) @name . (pair) @body)
(table_array_element . (dotted_key (_) @name .) . (pair) @body)

(document (pair . [(bare_key) (quoted_key)] @name) @definition.key)
(document (pair . (dotted_key (_) @qualifier . (_) @name .)) @definition.key)
(table (pair . [(bare_key) (quoted_key)] @name) @definition.key)
(table (pair . (dotted_key (_) @qualifier . (_) @name .)) @definition.key)
(table_array_element (pair . [(bare_key) (quoted_key)] @name) @definition.key)
(table_array_element (pair . (dotted_key (_) @qualifier . (_) @name .)) @definition.key)
(table (pair (inline_table (pair . [(bare_key) (quoted_key)] @name) @definition.key)))
(table (pair (inline_table (pair . (dotted_key (_) @qualifier . (_) @name .)) @definition.key)))
(document (pair (inline_table (pair . [(bare_key) (quoted_key)] @name) @definition.key)))

(comment) @comment

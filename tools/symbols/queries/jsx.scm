; What JSX adds to JavaScript and TypeScript. Components are told by their capital letter.

(jsx_text) @text
(jsx_opening_element name: (member_expression property: (_) @reference))
(jsx_self_closing_element name: (member_expression property: (_) @reference))

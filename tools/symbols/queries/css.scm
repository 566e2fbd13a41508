; CSS. What the captures mean stands in captures.py.

; A rule is known by the first of its selectors.
(rule_set (selectors . (_) @name) (block) @body) @definition.rule
(keyframes_statement (keyframes_name) @name (keyframe_block_list) @body) @definition.rule
((declaration . (property_name) @name) @definition.variable
  (#set! name "--.+"))
((at_rule (at_keyword) @_word . (keyword_query) @name (block) @body) @definition.variable
  (#set! _word "@property"))
((at_rule (at_keyword) @_word . (keyword_query) @name (block) @body) @definition.rule
  (#set! _word "@layer"))

(comment) @comment

; Classes, ids and custom elements in selectors
(class_selector (class_name (identifier) @reference))
(id_name) @reference
((tag_name) @reference
  (#set! reference "[a-z][\\w.]*-[\\w.-]*"))

; Custom properties, animations and imported files
((plain_value) @reference
  (#set! reference "--.+"))
((declaration . (property_name) @_property . (plain_value) @reference)
  (#set! _property "animation(-name)?"))
(import_statement (string_value (string_content) @reference))
(import_statement (call_expression (arguments (string_value (string_content) @reference))))

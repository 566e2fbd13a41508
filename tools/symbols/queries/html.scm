; HTML. What the captures mean stands in captures.py.

; Elements with an id
((element
  . (start_tag
    (attribute
      . (attribute_name) @_key
      . [(attribute_value) @name (quoted_attribute_value (attribute_value) @name)])) @head) @definition.element
  (#set! _key "id"))
((element
  . (self_closing_tag
    (attribute
      . (attribute_name) @_key
      . [(attribute_value) @name (quoted_attribute_value (attribute_value) @name)]))) @definition.element
  (#set! _key "id"))
((script_element
  . (start_tag
    (attribute
      . (attribute_name) @_key
      . [(attribute_value) @name (quoted_attribute_value (attribute_value) @name)])) @head) @definition.element
  (#set! _key "id"))
((style_element
  . (start_tag
    (attribute
      . (attribute_name) @_key
      . [(attribute_value) @name (quoted_attribute_value (attribute_value) @name)])) @head) @definition.element
  (#set! _key "id"))

(comment) @comment

; Custom elements, and the scripts and styles that a page takes in
((start_tag . (tag_name) @reference)
  (#set! reference "[a-z][\\w.]*-[\\w.-]*"))
((self_closing_tag . (tag_name) @reference)
  (#set! reference "[a-z][\\w.]*-[\\w.-]*"))
((start_tag
  . (tag_name) @_tag
  (attribute
    . (attribute_name) @_key
    . [(attribute_value) @reference (quoted_attribute_value (attribute_value) @reference)]))
  (#set! _tag "script|link")
  (#set! _key "src|href"))
; Other elements of the page by their id
((attribute
  . (attribute_name) @_key
  . [(attribute_value) @reference (quoted_attribute_value (attribute_value) @reference)])
  (#set! _key "for|form|list|headers|aria-labelledby|aria-describedby|aria-controls"))

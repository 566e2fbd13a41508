; Kotlin. What the captures mean stands in captures.py.

(class_declaration "interface" name: (identifier) @name) @definition.interface
((class_declaration (modifiers (class_modifier) @_modifier) name: (identifier) @name) @definition.enum
  (#set! _modifier "enum"))
(class_declaration "class" name: (identifier) @name) @definition.class
(class_declaration name: (identifier) @name [(class_body) (enum_class_body)] @body)
(object_declaration name: (identifier) @name) @definition.class
(object_declaration name: (identifier) @name (class_body) @body)
(companion_object name: (identifier) @name) @definition.class
(companion_object name: (identifier) @name (class_body) @body)
(enum_entry . (identifier) @name) @definition.constant
(enum_entry . (modifiers) . (identifier) @name) @definition.constant
(enum_entry (identifier) @name (class_body) @body)
(type_alias type: (identifier) @name) @definition.type

; An extension belongs to the type that it extends.
(function_declaration
  [
    (user_type (identifier) @qualifier . (type_arguments)? .)
    (nullable_type (user_type (identifier) @qualifier . (type_arguments)? .))
  ]
  name: (identifier) @name) @definition.method
(enum_entry (class_body (function_declaration name: (identifier) @name) @definition.method))
(function_declaration name: (identifier) @name) @definition.function
(function_declaration name: (identifier) @name (function_body) @body)
(secondary_constructor "constructor" @name) @definition.method
(secondary_constructor "constructor" @name (block) @body)

; Properties of files and classes, not local ones; those that the primary constructor declares as well.
((property_declaration
  (modifiers (property_modifier) @_modifier) (variable_declaration . (identifier) @name)) @definition.constant
  (#set! _modifier "const"))
(property_declaration
  [
    (user_type (identifier) @qualifier . (type_arguments)? .)
    (nullable_type (user_type (identifier) @qualifier . (type_arguments)? .))
  ]
  (variable_declaration . (identifier) @name)) @definition.field
(source_file (property_declaration (variable_declaration . (identifier) @name)) @definition.variable)
(class_body (property_declaration (variable_declaration . (identifier) @name)) @definition.field)
(enum_class_body (property_declaration (variable_declaration . (identifier) @name)) @definition.field)
(property_declaration (variable_declaration . (identifier) @name) [(getter) (setter)] @body)
(class_parameter ["val" "var"] (identifier) @name) @definition.field

[(line_comment) (block_comment)] @comment
(annotation) @attribute

; Types, annotations among them; the last part of those with dots
(user_type (identifier) @reference . (type_arguments)? .)
(import (qualified_identifier (identifier) @reference .))

; Calls, callable references, infix calls
(call_expression . (identifier) @reference)
(call_expression . (navigation_expression (identifier) @reference .))
(constructor_invocation (user_type (identifier) @reference . (type_arguments)? .))
(callable_reference (identifier) @reference .)
((navigation_expression "::" (identifier) @reference)
  (#set! reference "(?!class$).+"))
(infix_expression (_) . (identifier) @reference . (_))

; Objects and constants, told by their capital letter
((navigation_expression . (identifier) @reference)
  (#set! reference "[A-Z]\\w*"))
((navigation_expression (_) (identifier) @reference .)
  (#set! reference "[A-Z]\\w*"))
((value_argument (identifier) @reference .)
  (#set! reference "[A-Z]\\w*"))

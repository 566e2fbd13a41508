; Swift. What the captures mean stands in captures.py.

(class_declaration declaration_kind: "struct" name: (type_identifier) @name) @definition.struct
(class_declaration declaration_kind: "enum" name: (type_identifier) @name) @definition.enum
(class_declaration
  declaration_kind: ["class" "actor"] name: (type_identifier) @name) @definition.class
(class_declaration name: (type_identifier) @name body: (_) @body)
; What an extension holds belongs to the type it extends.
(class_declaration declaration_kind: "extension" name: (user_type) @name.path) @scope
(protocol_declaration name: (type_identifier) @name body: (_) @body) @definition.interface
(associatedtype_declaration "associatedtype" . name: (type_identifier) @name) @definition.type
(typealias_declaration "typealias" . name: (type_identifier) @name) @definition.type
(enum_entry name: (simple_identifier) @name) @definition.constant

(function_declaration "func" . name: _ @name) @definition.function
(function_declaration "func" . name: _ @name (function_body) @body)
(protocol_function_declaration "func" . name: _ @name) @definition.function
(init_declaration name: "init" @name) @definition.function
(init_declaration name: "init" @name body: (_) @body)
(deinit_declaration "deinit" @name body: (_) @body) @definition.function
(subscript_declaration "subscript" @name) @definition.function
(subscript_declaration "subscript" @name (computed_property) @body)
(macro_declaration (simple_identifier) @name) @definition.macro

; Properties of files and types, not local ones
(source_file
  (property_declaration
    (value_binding_pattern mutability: "let")
    name: (pattern bound_identifier: (simple_identifier) @name)) @definition.constant)
(source_file
  (property_declaration name: (pattern bound_identifier: (simple_identifier) @name)) @definition.variable)
(class_body
  (property_declaration name: (pattern bound_identifier: (simple_identifier) @name)) @definition.field)
(enum_class_body
  (property_declaration name: (pattern bound_identifier: (simple_identifier) @name)) @definition.field)
(property_declaration
  name: (pattern bound_identifier: (simple_identifier) @name)
  computed_value: (_) @body)
(property_declaration
  name: (pattern bound_identifier: (simple_identifier) @name)
  (willset_didset_block) @body)
(protocol_property_declaration
  name: (pattern bound_identifier: (simple_identifier) @name)
  (protocol_property_requirements) @body) @definition.field

[(comment) (multiline_comment)] @comment
(attribute) @attribute

; Types and imports
(user_type (type_identifier) @reference)
(import_declaration (identifier (simple_identifier) @reference .))
(inheritance_constraint constrained_type: (identifier (simple_identifier) @reference))

; Calls and macros
(call_expression . (simple_identifier) @reference)
(call_expression . (navigation_expression suffix: (navigation_suffix suffix: (simple_identifier) @reference)))
(constructor_expression constructed_type: (user_type (type_identifier) @reference))
(macro_invocation (simple_identifier) @reference)
(infix_expression op: (custom_operator) @reference)
(key_path_expression (simple_identifier) @reference)

; Types and what hangs on them, told by their capital letter
((navigation_expression target: (simple_identifier) @reference)
  (#set! reference "[A-Z]\\w*"))
((navigation_expression
  target: (simple_identifier) @_type
  suffix: (navigation_suffix suffix: (simple_identifier) @reference))
  (#set! _type "[A-Z]\\w*"))

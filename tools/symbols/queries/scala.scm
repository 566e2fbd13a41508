; Scala 2 and 3. What the captures mean stands in captures.py.

(trait_definition name: (_) @name) @definition.trait
(trait_definition name: (_) @name body: (_) @body)
(class_definition name: (_) @name) @definition.class
(class_definition name: (_) @name body: (_) @body)
(object_definition name: (_) @name) @definition.class
(object_definition name: (_) @name body: (_) @body)
(enum_definition name: (_) @name body: (_) @body) @definition.enum
(simple_enum_case name: (_) @name) @definition.constant
(full_enum_case name: (_) @name) @definition.constant
(package_object name: (_) @name body: (_) @body) @definition.module
(type_definition name: (_) @name) @definition.type

; A given without a name is known by its type, an extension by the type of what it extends.
(given_definition name: (_) @name body: (with_template_body) @body) @definition.class
(given_definition name: (_) @name) @definition.constant
(given_definition
  !name
  return_type: [(type_identifier) @name (generic_type type: (type_identifier) @name)]
  body: (with_template_body)) @scope
(extension_definition
  (parameters
    "(" . (parameter type: [(type_identifier) @name (generic_type type: (type_identifier) @name)]))) @scope

(function_definition name: (_) @name) @definition.function
(function_definition name: (_) @name body: (_) @body)
(function_declaration name: (_) @name) @definition.function

; Values of files and templates, not local ones; parameters of classes that are values of theirs
((_ [
  (val_definition pattern: (identifier) @name)
  (val_definition pattern: (identifiers (identifier) @name))
] @definition.constant)
  (#set! name "_*[A-Z]\\w*"))
(compilation_unit [
  (val_definition pattern: [(identifier) @name (identifiers (identifier) @name)])
  (var_definition pattern: [(identifier) @name (identifiers (identifier) @name)])
] @definition.variable)
(template_body [
  (val_definition pattern: [(identifier) @name (identifiers (identifier) @name)])
  (var_definition pattern: [(identifier) @name (identifiers (identifier) @name)])
] @definition.variable)
(enum_body [
  (val_definition pattern: [(identifier) @name (identifiers (identifier) @name)])
  (var_definition pattern: [(identifier) @name (identifiers (identifier) @name)])
] @definition.variable)
(with_template_body [
  (val_definition pattern: [(identifier) @name (identifiers (identifier) @name)])
  (var_definition pattern: [(identifier) @name (identifiers (identifier) @name)])
] @definition.variable)
(val_declaration name: (identifier) @name) @definition.variable
(var_declaration name: (identifier) @name) @definition.variable
(class_parameter ["val" "var"] name: (identifier) @name) @definition.field
(class_definition "case" class_parameters: (class_parameters (class_parameter name: (identifier) @name) @definition.field))

[(comment) (block_comment)] @comment
(annotation) @attribute

; Types and imports
((type_identifier) @reference
  (#set! reference "\\w.*"))
(import_declaration path: (identifier) @reference .)
(import_declaration path: (identifier) @reference . (namespace_selectors))
(namespace_selectors (identifier) @reference)
(namespace_selectors (_ name: (identifier) @reference))

; Calls
(call_expression function: (identifier) @reference)
(call_expression function: (field_expression field: (identifier) @reference))
(call_expression function: (field_expression field: (operator_identifier) @reference))
(call_expression function: (generic_function function: (identifier) @reference))
(call_expression function: (generic_function function: (field_expression field: (identifier) @reference)))
(generic_function function: (field_expression field: (identifier) @reference))
(infix_expression operator: (identifier) @reference)
((infix_expression operator: (operator_identifier) @reference)
  (#set! reference "(?![=<>!]=|[-+*/%<>&|]|&&|\\|\\||->).+"))

; Members without arguments, of which nobody can tell whether they are called
(field_expression field: (identifier) @reference)

; Objects and constants, told by their capital letter
((field_expression value: (identifier) @reference)
  (#set! reference "[A-Z]\\w*"))
((arguments (identifier) @reference)
  (#set! reference "[A-Z]\\w*"))
((stable_identifier (identifier) @reference)
  (#set! reference "[A-Z]\\w*"))
((_ value: (identifier) @reference)
  (#set! reference "[A-Z]\\w*"))

; What JavaScript and TypeScript have in common. The names of the captures are those of captures.py.

; Functions
(function_declaration name: (identifier) @name body: (_) @body) @definition.function
(generator_function_declaration name: (identifier) @name body: (_) @body) @definition.function
(variable_declarator
  name: (identifier) @name
  value: [
    (arrow_function body: (_) @body)
    (function_expression body: (_) @body)
    (generator_function body: (_) @body)
  ]) @definition.function
(pair
  key: (property_identifier) @name
  value: [
    (arrow_function body: (_) @body)
    (function_expression body: (_) @body)
  ]) @definition.method
(method_definition name: (_) @name body: (_) @body) @definition.method

; exports.name = …, Type.prototype.name = …, object.name = …
((expression_statement
  (assignment_expression
    left: (member_expression object: (_) @_exports property: (property_identifier) @name)
    right: [
      (arrow_function body: (_) @body)
      (function_expression body: (_) @body)
    ])) @definition.function
  (#set! _exports "(module\\.)?exports"))
((expression_statement
  (assignment_expression
    left: (member_expression object: (_) @_exports property: (property_identifier) @name)
    right: (class body: (_) @body))) @definition.class
  (#set! _exports "(module\\.)?exports"))
((expression_statement
  (assignment_expression
    left: (member_expression
      object: (member_expression object: (identifier) @qualifier property: (property_identifier) @_prototype)
      property: (property_identifier) @name)
    right: [
      (arrow_function body: (_) @body)
      (function_expression body: (_) @body)
    ])) @definition.method
  (#set! _prototype "prototype"))
((expression_statement
  (assignment_expression
    left: (member_expression object: (identifier) @qualifier property: (property_identifier) @name)
    right: [
      (arrow_function body: (_) @body)
      (function_expression body: (_) @body)
    ])) @definition.method
  (#set! qualifier "(?!exports$).*"))

; Classes
(class_declaration name: (_) @name body: (_) @body) @definition.class
(variable_declarator name: (identifier) @name value: (class body: (_) @body)) @definition.class

; Variables of a file; those in functions are local
(program (lexical_declaration (variable_declarator name: (identifier) @name) @definition.variable))
(program (variable_declaration (variable_declarator name: (identifier) @name) @definition.variable))
(export_statement (lexical_declaration (variable_declarator name: (identifier) @name) @definition.variable))
(export_statement (variable_declaration (variable_declarator name: (identifier) @name) @definition.variable))
(export_statement
  (lexical_declaration
    (variable_declarator
      name: (object_pattern (shorthand_property_identifier_pattern) @name)) @definition.variable))

; The span begins with `export` and `const`, if it declares no more than this name.
(export_statement declaration: (_ name: (_) @name)) @span
(lexical_declaration . (variable_declarator name: (identifier) @name) .) @span
(variable_declaration . (variable_declarator name: (identifier) @name) .) @span
(export_statement declaration: (lexical_declaration . (variable_declarator name: (identifier) @name) .)) @span
(export_statement declaration: (variable_declaration . (variable_declarator name: (identifier) @name) .)) @span

(decorator) @attribute
(comment) @comment
(string_fragment) @text
(regex_pattern) @text

; Calls
(call_expression function: (identifier) @reference)
(call_expression function: (member_expression property: (_) @reference))
(call_expression function: (await_expression (member_expression property: (_) @reference)))
(new_expression constructor: (identifier) @reference)
(new_expression constructor: (member_expression property: (_) @reference))
(decorator (identifier) @reference)
(decorator (member_expression property: (_) @reference))

; Imports and exports
(import_specifier name: (identifier) @reference)
(import_clause (identifier) @reference)
(export_specifier name: (identifier) @reference)
(export_statement value: (identifier) @reference)
((variable_declarator
  name: [
    (identifier) @import
    (object_pattern (shorthand_property_identifier_pattern) @import)
  ]
  value: (call_expression function: (identifier) @_require))
  (#set! _require "require"))

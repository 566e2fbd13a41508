; What TypeScript has beside ecmascript.scm.

(interface_declaration name: (_) @name body: (_) @body) @definition.interface
(interface_body (method_signature name: (_) @name) @definition.method)
(interface_body (property_signature name: (_) @name) @definition.field)

(abstract_class_declaration name: (_) @name body: (_) @body) @definition.class
(class_body (abstract_method_signature name: (_) @name) @definition.method)
(class_body (method_signature name: (_) @name) @definition.method)
(public_field_definition
  name: (_) @name
  value: [
    (arrow_function body: (_) @body)
    (function_expression body: (_) @body)
  ]) @definition.method
(public_field_definition name: (_) @name) @definition.field

(enum_declaration name: (_) @name body: (_) @body) @definition.enum
(enum_body (enum_assignment name: (_) @name) @definition.constant)
(enum_body name: (_) @name @definition.constant)

(type_alias_declaration name: (_) @name) @definition.type
(function_signature name: (_) @name) @definition.function

(internal_module name: (identifier) @name body: (_) @body) @definition.module
(internal_module name: (nested_identifier) @name.path body: (_) @body) @definition.module
(module name: (identifier) @name body: (_) @body) @definition.module
(module name: (string (string_fragment) @name) body: (_) @body) @definition.module
(ambient_declaration (statement_block (variable_declaration (variable_declarator name: (identifier) @name)))
  ) @definition.variable
(ambient_declaration (lexical_declaration (variable_declarator name: (identifier) @name))) @definition.variable
(ambient_declaration (variable_declaration (variable_declarator name: (identifier) @name))) @definition.variable
(ambient_declaration (_ name: (_) @name)) @span
(ambient_declaration (module name: (string (string_fragment) @name))) @span
(export_statement declaration: (ambient_declaration (_ name: (_) @name))) @span
(expression_statement (internal_module name: (_) @name)) @span

(type_identifier) @reference
(extends_clause value: (identifier) @reference)
(extends_clause value: (member_expression property: (_) @reference))

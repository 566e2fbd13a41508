; What C++ has beside c.scm.

(namespace_definition name: (namespace_identifier) @name body: (_) @body) @definition.module
(namespace_definition name: (nested_namespace_specifier) @name.path body: (_) @body) @definition.module
(class_specifier name: (type_identifier) @name body: (_) @body) @definition.class
(class_specifier name: (template_type name: (type_identifier) @name) body: (_) @body) @definition.class
(struct_specifier name: (template_type name: (type_identifier) @name) body: (_) @body) @definition.struct
(concept_definition name: (identifier) @name) @definition.type
(alias_declaration name: (type_identifier) @name) @definition.type
(namespace_alias_definition name: (namespace_identifier) @name) @definition.type

; Functions in classes, and those defined outside of them
(function_definition
  declarator: [
    (function_declarator declarator: (field_identifier) @name)
    (function_declarator declarator: (destructor_name) @name)
    (function_declarator declarator: (operator_name) @name)
    (pointer_declarator declarator: (function_declarator declarator: (field_identifier) @name))
    (reference_declarator (function_declarator declarator: [(field_identifier) (identifier) (operator_name)] @name))
  ]
  body: (_)? @body) @definition.function
(function_definition
  declarator: [
    (function_declarator declarator: (qualified_identifier) @name.path)
    (pointer_declarator declarator: (function_declarator declarator: (qualified_identifier) @name.path))
    (reference_declarator (function_declarator declarator: (qualified_identifier) @name.path))
  ]
  body: (_)? @body) @definition.method
(function_definition declarator: (function_declarator declarator: (identifier) @name)) @definition.function
(field_declaration
  declarator: [
    (function_declarator declarator: [(field_identifier) (operator_name)] @name)
    (pointer_declarator declarator: (function_declarator declarator: (field_identifier) @name))
    (reference_declarator (function_declarator declarator: [(field_identifier) (operator_name)] @name))
  ]) @definition.method
(declaration
  declarator: [
    (function_declarator declarator: [(destructor_name) (operator_name)] @name)
    (reference_declarator (function_declarator declarator: [(identifier) (operator_name)] @name))
  ]) @definition.function
([
  (function_definition declarator: (operator_cast) @name.path)
  (field_declaration declarator: (operator_cast) @name.path)
  (declaration declarator: (operator_cast) @name.path)
 ] @definition.method)
(field_declaration declarator: (reference_declarator (field_identifier) @name)) @definition.field
(declaration declarator: (init_declarator declarator: (qualified_identifier) @name.path)) @definition.variable
(declaration declarator: (reference_declarator (identifier) @name)) @definition.variable
(declaration declarator: (init_declarator declarator: (reference_declarator (identifier) @name))) @definition.variable

; The span begins with `template`.
(template_declaration (class_specifier name: (type_identifier) @name)) @span
(template_declaration (struct_specifier name: (type_identifier) @name)) @span
(template_declaration (class_specifier name: (template_type name: (type_identifier) @name))) @span
(template_declaration (struct_specifier name: (template_type name: (type_identifier) @name))) @span
(template_declaration (alias_declaration name: (_) @name)) @span
(template_declaration (concept_definition name: (_) @name)) @span
(template_declaration (function_definition declarator: (function_declarator declarator: (_) @name))) @span
(template_declaration (function_definition declarator: (_ (function_declarator declarator: (_) @name)))) @span
(template_declaration (declaration declarator: (function_declarator declarator: (_) @name))) @span
(template_declaration (declaration declarator: (_ (function_declarator declarator: (_) @name)))) @span

(call_expression function: (qualified_identifier name: (identifier) @reference))
(call_expression function: (qualified_identifier name: (qualified_identifier name: (identifier) @reference)))
(call_expression function: (template_function name: (identifier) @reference))
(call_expression function: (qualified_identifier name: (template_function name: (identifier) @reference)))
(call_expression function: (field_expression field: (template_method name: (field_identifier) @reference)))
(using_declaration (identifier) @reference)
(using_declaration (qualified_identifier name: (identifier) @reference))
(raw_string_content) @text

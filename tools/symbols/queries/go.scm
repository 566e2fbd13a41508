; Go. The names of the captures are those of captures.py.

(function_declaration name: (identifier) @name body: (block) @body) @definition.function
(function_declaration name: (identifier) @name) @definition.function
(method_declaration
  receiver: (parameter_list (parameter_declaration type: [
    (type_identifier) @qualifier
    (pointer_type (type_identifier) @qualifier)
    (generic_type type: (type_identifier) @qualifier)
    (pointer_type (generic_type type: (type_identifier) @qualifier))
  ]))
  name: (field_identifier) @name
  body: (block)? @body) @definition.method

(type_spec name: (type_identifier) @name type: (struct_type (field_declaration_list) @body)) @definition.struct
(type_spec name: (type_identifier) @name type: (interface_type . "interface" . "{" @body)) @definition.interface
(type_spec name: (type_identifier) @name) @definition.type
(type_alias name: (type_identifier) @name) @definition.type
(interface_type (method_elem name: (field_identifier) @name) @definition.method)
(field_declaration name: (field_identifier) @name) @definition.field
(source_file (const_declaration (const_spec (identifier) @name) @definition.constant))
(source_file (var_declaration (var_spec name: (identifier) @name) @definition.variable))
(source_file (var_declaration (var_spec_list (var_spec name: (identifier) @name) @definition.variable)))

; The span begins with the keyword, unless it declares a list in parentheses.
((type_declaration (type_spec name: (_) @name)) @span
  (#set! span "(?s)type\\s+[^(\\s].*"))
((type_declaration (type_alias name: (_) @name)) @span
  (#set! span "(?s)type\\s+[^(\\s].*"))
((const_declaration (const_spec (identifier) @name)) @span
  (#set! span "(?s)const\\s+[^(\\s].*"))
(var_declaration (var_spec name: (identifier) @name)) @span

(comment) @comment

(call_expression function: (identifier) @reference)
(call_expression function: (selector_expression field: (field_identifier) @reference))
(call_expression function: (parenthesized_expression (identifier) @reference))
(call_expression function: (index_expression operand: (identifier) @reference))
(type_identifier) @reference
(interpreted_string_literal_content) @text
(raw_string_literal_content) @text

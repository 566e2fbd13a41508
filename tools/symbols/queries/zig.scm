; Zig. What the captures mean stands in captures.py.

; Types are constants that hold a container; the functions in it are methods.
(variable_declaration "const" . (identifier) @name (struct_declaration "{" @body)) @definition.struct
(variable_declaration "const" . (identifier) @name (opaque_declaration "{" @body)) @definition.struct
(variable_declaration "const" . (identifier) @name (union_declaration "{" @body)) @definition.struct
(variable_declaration "const" . (identifier) @name (enum_declaration "{" @body)) @definition.enum
(variable_declaration "const" . (identifier) @name (error_set_declaration)) @definition.enum
(error_set_declaration (identifier) @name @definition.constant)
(enum_declaration (container_field name: (identifier) @name) @definition.constant)
(container_field name: (identifier) @name) @definition.field

(return_expression (struct_declaration (function_declaration name: (identifier) @name) @definition.method))
(function_declaration name: (identifier) @name) @definition.function
(function_declaration name: (identifier) @name body: (block) @body)
(test_declaration (string (string_content) @name) (block) @body) @definition.function

; Constants and variables of files and containers, but for imports and other names of the container itself
((source_file (variable_declaration "const" . (identifier) @name "=" . (_) @_value) @definition.constant)
  (#set! _value "(?!@(?:import|This)\\b)[\\s\\S]*"))
(source_file (variable_declaration "var" . (identifier) @name) @definition.variable)
((struct_declaration (variable_declaration "const" . (identifier) @name "=" . (_) @_value) @definition.constant)
  (#set! _value "(?!@(?:import|This)\\b)[\\s\\S]*"))
(struct_declaration (variable_declaration "var" . (identifier) @name) @definition.variable)
((enum_declaration (variable_declaration "const" . (identifier) @name "=" . (_) @_value) @definition.constant)
  (#set! _value "(?!@(?:import|This)\\b)[\\s\\S]*"))
((union_declaration (variable_declaration "const" . (identifier) @name "=" . (_) @_value) @definition.constant)
  (#set! _value "(?!@(?:import|This)\\b)[\\s\\S]*"))

(comment) @comment

; Calls
(call_expression function: (identifier) @reference)
(call_expression function: (field_expression member: (identifier) @reference))
(test_declaration (identifier) @reference)

; Types of parameters, results, fields and variables, initialised structures
(_ type: (identifier) @reference)
(_ type: (field_expression member: (identifier) @reference))
(pointer_type (identifier) @reference)
(slice_type (identifier) @reference)
(array_type (identifier) @reference)
(nullable_type (identifier) @reference)
(error_union_type (identifier) @reference)
(error_union_type (field_expression member: (identifier) @reference))
(struct_initializer (identifier) @reference)
(struct_initializer (field_expression member: (identifier) @reference))
((field_expression object: (identifier) @reference)
  (#set! reference "[A-Z]\\w*"))
((field_expression member: (identifier) @reference)
  (#set! reference "[A-Z]\\w*"))
((arguments (identifier) @reference)
  (#set! reference "[A-Z]\\w*"))
((call_expression (identifier) @reference)
  (#set! reference "[A-Z]\\w*"))
((variable_declaration (identifier) @reference .)
  (#set! reference "[A-Z]\\w*"))

; PHP. The names of the captures are those of captures.py.

(namespace_definition name: (namespace_name) @name.path body: (_) @body) @definition.module
(class_declaration name: (name) @name body: (_) @body) @definition.class
(interface_declaration name: (name) @name body: (_) @body) @definition.interface
(trait_declaration name: (name) @name body: (_) @body) @definition.trait
(enum_declaration name: (name) @name body: (_) @body) @definition.enum
(enum_case name: (name) @name) @definition.constant
(function_definition name: (name) @name body: (_) @body) @definition.function
(method_declaration name: (name) @name body: (_) @body) @definition.method
(method_declaration name: (name) @name) @definition.method
(property_declaration (property_element name: (variable_name (name) @name))) @definition.field
(const_declaration (const_element . (name) @name)) @definition.constant
((function_call_expression
  function: (name) @_define
  arguments: (arguments . (argument (string (string_content) @name)))) @definition.constant
  (#set! _define "define"))
(program
  (expression_statement
    (assignment_expression
      left: (variable_name (name) @name)
      right: [
        (anonymous_function body: (_) @body)
        (arrow_function body: (_) @body)
      ])) @definition.function)

(attribute_list) @attribute
(comment) @comment
(string_content) @text
(nowdoc_string) @text
(text) @text

(function_call_expression function: (name) @reference)
(function_call_expression function: (qualified_name (name) @reference .))
(member_call_expression name: (name) @reference)
(nullsafe_member_call_expression name: (name) @reference)
(scoped_call_expression name: (name) @reference)
(namespace_use_clause (name) @reference)
(namespace_use_clause (qualified_name (name) @reference .))

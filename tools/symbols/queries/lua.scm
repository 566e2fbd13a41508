; Lua. What the captures mean stands in captures.py.

(function_declaration name: (identifier) @name "end" @body) @definition.function
(function_declaration name: (identifier) @name body: (_) @body)
(function_declaration name: (dot_index_expression) @name.path "end" @body) @definition.function
(function_declaration name: (dot_index_expression) @name.path body: (_) @body)
(function_declaration name: (method_index_expression) @name.path "end" @body) @definition.method
(function_declaration name: (method_index_expression) @name.path body: (_) @body)

; Functions that are assigned, and those in tables that are
(variable_declaration
  (assignment_statement
    (variable_list . name: (identifier) @name .)
    (expression_list . value: (function_definition "end" @body)))) @definition.function
(assignment_statement
  (variable_list . name: (identifier) @name .)
  (expression_list . value: (function_definition "end" @body))) @definition.function
(assignment_statement
  (variable_list . name: (identifier) @name .)
  (expression_list . value: (function_definition body: (_) @body)))
(assignment_statement
  (variable_list . name: (dot_index_expression) @name.path .)
  (expression_list . value: (function_definition "end" @body))) @definition.function
(assignment_statement
  (variable_list . name: (dot_index_expression) @name.path .)
  (expression_list . value: (function_definition body: (_) @body)))
(assignment_statement
  (variable_list
    . name: (bracket_index_expression table: (_) @qualifier field: (string content: (_) @name)) .)
  (expression_list . value: (function_definition "end" @body))) @definition.function
(assignment_statement
  (variable_list . name: (bracket_index_expression field: (string content: (_) @name)) .)
  (expression_list . value: (function_definition body: (_) @body)))
(field name: (identifier) @name value: (function_definition "end" @body)) @definition.function
(field name: (identifier) @name value: (function_definition body: (_) @body))

; Variables of the file, but for the modules that it requires
((chunk
  [
    (variable_declaration (assignment_statement (variable_list name: (identifier) @name) (expression_list) @_value))
    (variable_declaration (variable_list name: (identifier) @name) @_value)
    (assignment_statement (variable_list name: (identifier) @name) (expression_list) @_value)
  ] @definition.variable)
  (#set! _value "(?!require\\b)[\\s\\S]*"))
(chunk
  (assignment_statement
    (variable_list . name: (dot_index_expression) @name.path .)
    (expression_list . value: (table_constructor))) @definition.variable)

(comment) @comment

(function_call name: (identifier) @reference)
(function_call name: (dot_index_expression field: (identifier) @reference))
(function_call name: (method_index_expression method: (identifier) @reference))
; The module or table in front
(function_call name: (dot_index_expression table: (identifier) @reference))
((function_call name: (identifier) @_word arguments: (arguments . (string content: (_) @reference)))
  (#set! _word "require"))
((_ (identifier) @reference)
  (#set! reference "[A-Z]\\w*"))

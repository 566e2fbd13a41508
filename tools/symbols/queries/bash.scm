; Bash. The names of the captures are those of captures.py.

(function_definition name: (word) @name body: (_) @body) @definition.function

; What is assigned in a function is taken for local; assignments in front of a command are none.
([
  (program (variable_assignment name: (variable_name) @name) @definition.variable)
  (list (variable_assignment name: (variable_name) @name) @definition.variable)
  (if_statement (variable_assignment name: (variable_name) @name) @definition.variable)
  (else_clause (variable_assignment name: (variable_name) @name) @definition.variable)
  (case_item (variable_assignment name: (variable_name) @name) @definition.variable)
  (declaration_command (variable_assignment name: (variable_name) @name)) @definition.variable
 ])

(comment) @comment

(command name: (command_name (word) @reference))
((command name: (command_name) @_trap . argument: (word) @reference)
  (#set! _trap "trap"))

; Python. The names of the captures are those of extract.py.

(class_definition
  name: (identifier) @name
  body: (block) @body) @definition.class
(class_definition
  name: (identifier) @name
  body: (block . (expression_statement . (string) @doc)))

(function_definition
  name: (identifier) @name
  body: (block) @body) @definition.function
(function_definition
  name: (identifier) @name
  body: (block . (expression_statement . (string) @doc)))

; The span of a decorated definition begins with its decorators.
(decorated_definition definition: (_ name: (identifier) @name)) @span
(decorator) @attribute

; What is assigned in a function is local and left out; capture it where it may stand outside of one.
(module (expression_statement (assignment left: (identifier) @name)) @definition.variable)
(module (expression_statement (assignment left: (pattern_list (identifier) @name))) @definition.variable)
(class_definition body: (block (expression_statement (assignment left: (identifier) @name)) @definition.variable))
(if_statement (block (expression_statement (assignment left: (identifier) @name)) @definition.variable))
(else_clause (block (expression_statement (assignment left: (identifier) @name)) @definition.variable))
(try_statement (block (expression_statement (assignment left: (identifier) @name)) @definition.variable))
(except_clause (block (expression_statement (assignment left: (identifier) @name)) @definition.variable))
(type_alias_statement
  left: (type (identifier) @name)) @definition.type
(type_alias_statement
  left: (type (generic_type . (identifier) @name))) @definition.type

(comment) @comment

; Calls, decorators, imports
(call function: (identifier) @reference)
(call function: (attribute attribute: (identifier) @reference))
(decorator (identifier) @reference)
(decorator (attribute attribute: (identifier) @reference))
(import_statement name: (dotted_name (identifier) @reference .))
(import_statement name: (aliased_import name: (dotted_name (identifier) @reference .)))
(import_from_statement module_name: (dotted_name (identifier) @reference .))
(import_from_statement module_name: (relative_import (dotted_name (identifier) @reference .)))
(import_from_statement name: (dotted_name (identifier) @reference .))
(import_from_statement name: (aliased_import name: (dotted_name (identifier) @reference .)))

; Types and base classes; those with a capital letter are found anywhere
(type (identifier) @reference)
(type (attribute attribute: (identifier) @reference))
(class_definition superclasses: (argument_list (identifier) @reference))
(class_definition superclasses: (argument_list (attribute attribute: (identifier) @reference)))
(string_content) @text

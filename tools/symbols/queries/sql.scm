; SQL. What the captures mean stands in captures.py.

(create_table (keyword_table) (object_reference name: (_) @name)) @definition.table
(create_table (object_reference schema: (_) @qualifier name: (_) @name))
(create_table (object_reference name: (_) @name) [(column_definitions) (keyword_as)] @body)
(create_view (object_reference name: (_) @name) (keyword_as) @body) @definition.table
(create_view (object_reference schema: (_) @qualifier name: (_) @name) (keyword_as))
(create_materialized_view (object_reference name: (_) @name) (keyword_as) @body) @definition.table
(create_materialized_view (object_reference schema: (_) @qualifier name: (_) @name) (keyword_as))
(column_definition . name: (_) @name) @definition.field
(alter_table (object_reference) @qualifier (add_column (column_definition . name: (_) @name)))

(create_function (keyword_function) . (object_reference name: (_) @name)) @definition.function
(create_function (keyword_function) . (object_reference schema: (_) @qualifier name: (_) @name))
(create_function (keyword_function) . (object_reference name: (_) @name) (function_body) @body)
(create_procedure (keyword_procedure) . (object_reference . name: (_) @name)) @definition.function
(create_procedure
  (keyword_procedure) . (object_reference schema: (_) @qualifier "." . name: (_) @name)) @definition.function
(create_procedure (keyword_procedure) . (object_reference name: (_) @name) (procedure_body) @body)
(create_trigger (keyword_trigger) . (object_reference name: (_) @name)) @definition.function
(create_trigger (keyword_trigger) . (object_reference schema: (_) @qualifier name: (_) @name))

(create_index column: (_) @name) @definition.constant
(create_sequence (object_reference name: (_) @name)) @definition.constant
(create_sequence (object_reference schema: (_) @qualifier name: (_) @name))
(create_type (object_reference name: (_) @name)) @definition.type
(create_type (object_reference schema: (_) @qualifier name: (_) @name))
(create_schema (identifier) @name) @definition.module

; The grammar knows few dialects. Of what it cannot read the names are left.
(ERROR
  (keyword_create) . (keyword_or)? . (keyword_replace)? . [(keyword_function) (keyword_procedure) (keyword_trigger)]
  . [(object_reference name: (_) @name) (identifier) @name] @definition.function)
(create_procedure
  (keyword_procedure)
  . (object_reference schema: (_) @qualifier (ERROR . (identifier) @name)) (procedure_body) @body) @definition.function
(create_procedure
  (keyword_procedure) . (ERROR . [(object_reference name: (_) @name) (identifier) @name] @definition.function))
(ERROR
  (keyword_create) . (keyword_or)? . (keyword_replace)? . [(keyword_table) (keyword_view)]
  . (keyword_if)? . (keyword_not)? . (keyword_exists)?
  . [(object_reference name: (_) @name) (identifier) @name] @definition.table)

[(comment) (marginalia)] @comment

; Tables, types and functions that are used
(relation (object_reference name: (_) @reference))
(from (object_reference name: (_) @reference))
(insert (object_reference name: (_) @reference))
(column_definition (object_reference name: (_) @reference))
(constraint (object_reference name: (_) @reference))
(create_index (object_reference name: (_) @reference))
(create_trigger (object_reference name: (_) @reference))
(create_policy (object_reference name: (_) @reference))
(alter_table (object_reference name: (_) @reference))
(drop_table (object_reference name: (_) @reference))
(drop_view (object_reference name: (_) @reference))
(drop_function (object_reference name: (_) @reference))
(drop_procedure (object_reference name: (_) @reference))
(refresh_materialized_view (object_reference name: (_) @reference))
(statement (object_reference name: (_) @reference))
(invocation . (object_reference name: (_) @reference))
(function_argument (object_reference name: (_) @reference))
(create_function (object_reference name: (_) @reference))
(comment_statement (object_reference name: (_) @reference))

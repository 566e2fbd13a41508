; Haskell. What the captures mean stands in captures.py.

(header module: (module) @name.path "where" @body) @definition.module
(header module: (module) @name.path (exports) @body)

(data_type name: (_) @name) @definition.struct
(data_type name: (_) @name constructors: (_) @body)
(data_type name: (_) @name "where" @body)
(newtype name: (_) @name) @definition.struct
(data_constructor constructor: (prefix name: (constructor) @name)) @definition.constant
(data_constructor constructor: (infix operator: (constructor_operator) @name)) @definition.constant
(record name: (constructor) @name @definition.constant)
(newtype_constructor name: (constructor) @name @definition.constant)
(gadt_constructor name: (constructor) @name) @definition.constant
(field name: (field_name (variable) @name)) @definition.field
(type_synonym name: (_) @name) @definition.type
(type_synonym (infix operator: (operator) @name)) @definition.type
(type_family name: (_) @name) @definition.type
(type_family name: (_) @name "where" @body)
(data_family name: (_) @name) @definition.type

(class name: (_) @name) @definition.trait
(class name: (_) @name "where" @body)
; What an instance defines belongs to its type, or where that has no name to the class.
(instance
  patterns: (type_patterns
    . [
      (name) @name
      (parens type: (apply constructor: (name) @name))
      (parens type: (apply constructor: (apply constructor: (name) @name)))
      (parens type: (apply constructor: (apply constructor: (apply constructor: (name) @name))))
    ])) @scope
(instance
  name: (name) @name
  patterns: (type_patterns . [(list) (tuple) (prefix_list) (prefix_tuple) (unit) (variable) (function)])) @scope

; A function is its signature and all its equations.
(declarations
  (signature name: [(variable) @name (prefix_id (operator) @name)]) @definition.function @clause)
(class_declarations
  (signature name: [(variable) @name (prefix_id (operator) @name)]) @definition.function @clause)
(class_declarations
  (signature names: (binding_list name: [(variable) @name (prefix_id (operator) @name)])) @definition.function)
(local_binds
  (signature name: (variable) @name type: [(function) (context) (forall)]) @definition.function @clause)
(function
  [
    name: (variable) @name
    name: (prefix_id (operator) @name)
    (infix operator: (operator) @name)
    (infix operator: (infix_id (variable) @name))
  ]
  match: (_) @body) @definition.function @clause
(declarations
  (bind name: [(variable) @name (prefix_id (operator) @name)] match: (_) @body) @definition.function @clause)
(class_declarations
  (bind name: [(variable) @name (prefix_id (operator) @name)] match: (_) @body) @definition.function @clause)
(instance_declarations
  (bind name: [(variable) @name (prefix_id (operator) @name)] match: (_) @body) @definition.function @clause)
(foreign_import signature: (signature name: (variable) @name)) @definition.function
(pattern_synonym
  [
    (signature synonym: (constructor) @name)
    (equation synonym: (constructor) @name)
    (equation synonym: (apply function: (constructor) @name))
    (equation synonym: (apply function: (apply function: (constructor) @name)))
  ]) @definition.constant

[(comment) (haddock)] @comment

; Types, classes, constructors, modules
(name) @reference
(constructor) @reference
((constructor_operator) @reference
  (#set! reference "(?!:$).+"))
(import module: (module) @reference.path)
(import_name variable: (variable) @reference)

; Functions that are applied, called as operators or by another one's argument
(apply function: (variable) @reference)
(qualified id: (variable) @reference)
(infix_id (variable) @reference)
(infix_id (qualified id: (variable) @reference))
((operator) @reference
  (#set! reference "(?![-+*/<>.$!&|]$|&&$|\\|\\|$|[=/<>]=$|<>$|\\+\\+$|<\\$>$|<\\*>$|>>=?$|=<<$|!!$).+"))
((apply argument: (variable) @reference)
  (#set! reference "[a-z_]\\w{2,}'*"))
((infix left_operand: (variable) @reference)
  (#set! reference "[a-z_]\\w{2,}'*"))
((infix right_operand: (variable) @reference)
  (#set! reference "[a-z_]\\w{2,}'*"))
((match expression: (variable) @reference)
  (#set! reference "[a-z_]\\w{2,}'*"))
(exp . (variable) @reference)
(bind expression: (variable) @reference)

; Elixir, in which definitions are calls. What the captures mean stands in captures.py.

((call target: (identifier) @_word (arguments . (alias) @name.path) (do_block) @body) @definition.module
  (#set! _word "defmodule"))
((call target: (identifier) @_word (arguments . (alias) @name.path) (do_block) @body) @definition.interface
  (#set! _word "defprotocol"))
; What implements a protocol belongs to the type that it is for.
((call
  target: (identifier) @_word
  (arguments . (alias) (keywords (pair key: (keyword) @_key value: (alias) @name.path)))) @scope
  (#set! _word "defimpl")
  (#set! _key "for:\\s*"))
((call target: (identifier) @_word (arguments . (alias) @name.path .) (do_block)) @scope
  (#set! _word "defimpl"))
((call
  target: (identifier) @_word
  (arguments . (alias) @name.path)
  (do_block
    (unary_operator
      operand: (call target: (identifier) @_doc (arguments . (_ (quoted_content) @doc))))))
  (#set! _word "defmodule|defprotocol")
  (#set! _doc "moduledoc"))

; Functions and macros, each with all its clauses; `when` stands between the head and its guard
((call
  target: (identifier) @_word
  (arguments
    . [
      (identifier) @name
      (call target: (identifier) @name)
      (binary_operator left: (identifier) @name operator: "when")
      (binary_operator left: (call target: (identifier) @name) operator: "when")
    ])) @definition.function @clause
  (#set! _word "def|defp|defdelegate|defn|defnp"))
((call
  target: (identifier) @_word
  (arguments
    . [
      (identifier) @name
      (call target: (identifier) @name)
      (binary_operator left: (identifier) @name operator: "when")
      (binary_operator left: (call target: (identifier) @name) operator: "when")
    ])) @definition.macro @clause
  (#set! _word "defmacro|defmacrop|defguard|defguardp"))
((call
  target: (identifier) @_word
  (arguments . (binary_operator left: (identifier) operator: _ @name right: (identifier))))
  @definition.function @clause
  (#set! _word "defp?")
  (#set! name "(?!when$).+"))
((call
  target: (identifier) @_word
  (arguments
    . (binary_operator
      left: (binary_operator left: (identifier) operator: _ @name right: (identifier)) operator: "when")))
  @definition.function @clause
  (#set! _word "defp?"))
; Their bodies
((call
  target: (identifier) @_word
  (arguments
    . [
      (identifier) @name
      (call target: (identifier) @name)
      (binary_operator left: (identifier) @name)
      (binary_operator left: (call target: (identifier) @name))
    ])
  (do_block) @body)
  (#set! _word "def\\w*"))
((call
  target: (identifier) @_word
  (arguments
    . [
      (identifier) @name
      (call target: (identifier) @name)
      (binary_operator left: (identifier) @name operator: "when")
      (binary_operator left: (call target: (identifier) @name) operator: "when")
    ]
    (keywords . (pair key: (keyword) @_key) @body)))
  (#set! _word "def\\w*")
  (#set! _key "do:\\s*"))
((call
  target: (identifier) @_word
  (arguments
    . (binary_operator left: (identifier) operator: _ @name right: (identifier))
    (keywords . (pair key: (keyword) @_key) @body)))
  (#set! _word "defp?")
  (#set! _key "do:\\s*"))
; Their documentation stands above, with other attributes in between.
((unary_operator operand: (call target: (identifier) @_doc (arguments . (_ (quoted_content) @doc))))
  . [(unary_operator) (comment)]*
  . (call
    target: (identifier) @_word
    (arguments
      . [
        (identifier) @name
        (call target: (identifier) @name)
        (binary_operator left: (identifier) @name)
        (binary_operator left: (call target: (identifier) @name))
      ]))
  (#set! _doc "doc")
  (#set! _word "def\\w*"))

; Tests
((call
  target: (identifier) @_word
  (arguments . (string (quoted_content) @name))
  (do_block) @body) @definition.function
  (#set! _word "test|property"))
((call
  target: (identifier) @_word
  (arguments . (string (quoted_content) @name))
  (do_block) @body) @definition.module
  (#set! _word "describe"))

; Types, callbacks and constants are attributes of modules.
((unary_operator
  operand: (call
    target: (identifier) @_word
    (arguments
      . (binary_operator
        left: [(identifier) @name (call target: (identifier) @name)] operator: "::")))) @definition.type
  (#set! _word "type|typep|opaque"))
((unary_operator
  operand: (call
    target: (identifier) @_word
    (arguments
      . (binary_operator left: (call target: (identifier) @name) operator: "::")))) @definition.function
  (#set! _word "callback|macrocallback"))
((do_block (unary_operator operator: "@" operand: (call target: (identifier) @name (arguments))) @definition.constant)
  (#set! name
    "(?!(?:module|type)?doc$|spec$|impl$|behaviour$|typep?$|opaque$|(?:macro|optional_)?callbacks?$|derive$|enforce_keys$|deprecated$|since$|dialyzer$|compile$|on_load$|(?:before|after)_compile$|after_verify$|on_definition$|external_resource$|vsn$|(?:module|describe)?tag$).+"))

(comment) @comment
((unary_operator operator: "@" operand: (call target: (identifier) @_word)) @comment
  (#set! _word "(?:module|type)?doc"))
((unary_operator operator: "@" operand: (call target: (identifier) @_word)) @attribute
  (#set! _word "spec|impl|deprecated|since|dialyzer|tag"))

; Modules, calls, captured functions, attributes
(alias) @reference.path
((call target: (identifier) @reference)
  (#set! reference
    "(?!(?:def\\w*|enforce_keys|derive|test|describe|alias|import|require|use|if|unless|case|cond|with|for|fn|quote|unquote|do|end|doc|moduledoc|typedoc|spec|typep?|opaque|callback|impl|behaviour)$).+"))
(call target: (dot left: (alias) right: (identifier) @reference))
(call target: (dot left: (_) right: (identifier) @reference) (arguments))
((binary_operator operator: "|>" right: (identifier) @reference))
((unary_operator operator: "&" operand: (binary_operator left: (identifier) @reference operator: "/")))
((unary_operator operator: "@" operand: (identifier) @reference))

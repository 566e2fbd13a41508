; Ruby. The names of the captures are those of captures.py.

(module name: (constant) @name "end" @body) @definition.module
(module name: (scope_resolution) @name.path "end" @body) @definition.module
(module name: (_) @name body: (_) @body)
(class name: (constant) @name "end" @body) @definition.class
(class name: (scope_resolution) @name.path "end" @body) @definition.class
(class name: (_) @name body: (_) @body)
((assignment
  left: (constant) @name
  right: (call receiver: (constant) @_class method: (identifier) @_new)) @definition.class
  (#set! _class "Class|Struct|Data|Module")
  (#set! _new "new|define"))
(assignment left: (constant) @name right: (call block: (_) @body))

(method name: (_) @name) @definition.function
(method name: (_) @name "end" @body)
(method name: (_) @name body: (_) @body)
(singleton_method name: (_) @name) @definition.function
(singleton_method name: (_) @name "end" @body)
(singleton_method name: (_) @name body: (_) @body)
(alias name: (_) @name) @definition.function
((call method: (identifier) @_alias arguments: (argument_list . (simple_symbol) @name.path)) @definition.function
  (#set! _alias "alias_method|define_method"))
((call method: (identifier) @_task arguments: (argument_list . (simple_symbol) @name.path) block: (_) @body
  ) @definition.function
  (#set! _task "task"))

((call method: (identifier) @_attribute arguments: (argument_list (simple_symbol) @name.path)) @definition.field
  (#set! _attribute "attr(_reader|_writer|_accessor)?"))
(assignment left: (constant) @name) @definition.constant
(body_statement (assignment left: (class_variable) @name) @definition.field)

(comment) @comment

(call method: (identifier) @reference)
(call method: (constant) @reference)
(constant) @reference

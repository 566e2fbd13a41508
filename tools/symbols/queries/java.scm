; Java. The names of the captures are those of captures.py.

(class_declaration name: (identifier) @name body: (_) @body) @definition.class
(interface_declaration name: (identifier) @name body: (_) @body) @definition.interface
(annotation_type_declaration name: (identifier) @name body: (_) @body) @definition.interface
(enum_declaration name: (identifier) @name body: (_) @body) @definition.enum
(enum_constant name: (identifier) @name body: (class_body) @body) @definition.constant
(enum_constant name: (identifier) @name) @definition.constant
(record_declaration name: (identifier) @name body: (_) @body) @definition.class
(method_declaration name: (identifier) @name body: (block) @body) @definition.method
(method_declaration name: (identifier) @name) @definition.method
(constructor_declaration name: (identifier) @name body: (_) @body) @definition.method
(compact_constructor_declaration name: (identifier) @name body: (_) @body) @definition.method
(annotation_type_element_declaration name: (identifier) @name) @definition.method
(field_declaration declarator: (variable_declarator name: (identifier) @name)) @definition.variable
(constant_declaration declarator: (variable_declarator name: (identifier) @name)) @definition.variable

(modifiers (marker_annotation) @attribute)
(modifiers (annotation) @attribute)
(line_comment) @comment
(block_comment) @comment

(method_invocation name: (identifier) @reference)
(method_reference (identifier) @reference .)
(import_declaration (scoped_identifier name: (identifier) @reference))
(import_declaration (identifier) @reference)
(string_fragment) @text
(character_literal) @text

; JSON: keys down to the third level. What the captures mean stands in captures.py.

(document (object (pair key: (string) @name) @definition.key))
(document (object (pair value: (object (pair key: (string) @name) @definition.key))))
(document (object (pair value: (object (pair value: (object (pair key: (string) @name) @definition.key))))))
(pair key: (string) @name value: (object) @body)

(comment) @comment

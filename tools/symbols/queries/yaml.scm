; YAML: keys down to the third level. What the captures mean stands in captures.py.

(document (_ (block_mapping (block_mapping_pair key: (_) @name) @definition.key)))
(document
  (_ (block_mapping
    (block_mapping_pair
      value: (_ (block_mapping (block_mapping_pair key: (_) @name) @definition.key))))))
(document
  (_ (block_mapping
    (block_mapping_pair
      value: (_ (block_mapping
        (block_mapping_pair
          value: (_ (block_mapping (block_mapping_pair key: (_) @name) @definition.key)))))))))
(document (_ (flow_mapping (flow_pair key: (_) @name) @definition.key)))
(document
  (_ (block_mapping
    (block_mapping_pair value: (_ (flow_mapping (flow_pair key: (_) @name) @definition.key))))))
(document
  (_ (block_mapping
    (block_mapping_pair
      value: (_ (block_mapping
        (block_mapping_pair value: (_ (flow_mapping (flow_pair key: (_) @name) @definition.key)))))))))
(block_mapping_pair key: (_) @name value: (_ [(block_mapping) (block_sequence) (flow_mapping)] @body))

(comment) @comment

; Aliases stand for what an anchor names.
(alias (alias_name) @reference)

; Markdown: headings, but for those in quotes and lists. What the captures mean stands in captures.py.

(document (section [
  (atx_heading (atx_h1_marker) @level.1 (inline) @name)
  (atx_heading (atx_h2_marker) @level.2 (inline) @name)
  (atx_heading (atx_h3_marker) @level.3 (inline) @name)
  (atx_heading (atx_h4_marker) @level.4 (inline) @name)
  (atx_heading (atx_h5_marker) @level.5 (inline) @name)
  (atx_heading (atx_h6_marker) @level.6 (inline) @name)
  (setext_heading (paragraph (inline) @name) (setext_h1_underline) @level.1)
  (setext_heading (paragraph (inline) @name) (setext_h2_underline) @level.2)
] @definition.heading))
(section (section [
  (atx_heading (atx_h2_marker) @level.2 (inline) @name)
  (atx_heading (atx_h3_marker) @level.3 (inline) @name)
  (atx_heading (atx_h4_marker) @level.4 (inline) @name)
  (atx_heading (atx_h5_marker) @level.5 (inline) @name)
  (atx_heading (atx_h6_marker) @level.6 (inline) @name)
  (setext_heading (paragraph (inline) @name) (setext_h1_underline) @level.1)
  (setext_heading (paragraph (inline) @name) (setext_h2_underline) @level.2)
] @definition.heading))

"""HTTP's texts in, values out: no input or output, no environ."""

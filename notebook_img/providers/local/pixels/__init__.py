"""What the operations do to pixels. Every function takes a PIL image in RGB or RGBA, its values and a `Context`."""

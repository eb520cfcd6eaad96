"""The browser's side of the page: its own modules and style sheet, joined with the pieces all our pages share."""

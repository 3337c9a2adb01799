"""Reading published lists of sanctioned persons."""

"""Plain results and targets; nothing here imports the rest of the package."""

"""Reading words and scenes outside of MMOCR's runner."""

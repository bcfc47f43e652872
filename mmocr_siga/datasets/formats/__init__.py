"""Where words and scenes are stored: one file a format."""

"""Labels: tags and prompts to label vectors, and back."""

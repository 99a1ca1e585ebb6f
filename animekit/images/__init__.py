"""Images: decode any file safely, resize by one rule, lay out, caption, write."""

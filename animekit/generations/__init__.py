"""The parts of a generation: what is asked, the recipes, and the images that follow them."""

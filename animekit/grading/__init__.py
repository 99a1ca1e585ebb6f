"""Grading: pictures of 25 faces as the course judged them, and the homework that makes them."""

"""The parts of an evaluation: both sides, what is asked, the numbers and the verdict."""

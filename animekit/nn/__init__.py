"""Networks and what they minimise: layers, architectures, losses, schedules."""

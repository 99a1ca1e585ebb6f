"""What is set up for a person: settings, new plugins, and a look at the machine."""

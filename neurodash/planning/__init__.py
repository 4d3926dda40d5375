"""From what is known about a person to twelve weeks of training, with a reason for every choice."""

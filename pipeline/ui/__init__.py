"""What a person sees of a run: a screen, plain lines, a table at the end."""

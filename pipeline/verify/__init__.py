"""A run's promise, checked afterwards: every region that it answered, once more at full depth."""

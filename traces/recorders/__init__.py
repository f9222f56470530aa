"""What the recorders are made of: the machine that is recorded, and the proposal performed on it."""

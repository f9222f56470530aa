"""Real runs: the format of their traces, the readers, the recorders and the replay."""

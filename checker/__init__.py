"""The engines: a design goes in, a verdict comes out."""

"""What a class handed in: found, read, and given to its students."""

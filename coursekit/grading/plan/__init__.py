"""What the course says, and what is to be done with a submission."""

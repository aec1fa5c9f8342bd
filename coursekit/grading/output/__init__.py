"""What an instructor and the students get."""

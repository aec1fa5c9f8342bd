"""What a check says: how an answer is asked for, compared and explained, each in one place."""

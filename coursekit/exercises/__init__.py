"""The exercises of the course, one module a notebook: what is asked, the hints, the check."""

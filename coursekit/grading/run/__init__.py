"""The processes that run and judge submissions."""

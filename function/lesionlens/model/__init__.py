"""The release, its interpreter, and the result of a classification."""

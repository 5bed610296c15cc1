"""The release, its interpreter, and what an answer says."""

"""Where limits are counted and answers kept: in this process, or in a Redis for all instances."""

MEMORY = "memory://"
REDIS_TIMEOUT_S = 0.5

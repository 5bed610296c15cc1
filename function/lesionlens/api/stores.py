"""LIMIT_STORE, where limits are counted and answers stored: this process, or Redis for all."""

MEMORY = "memory://"
REDIS_TIMEOUT_S = 0.5  # to connect, and for each command

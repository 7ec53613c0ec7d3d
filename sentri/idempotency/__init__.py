"""What is known of requests that carry a key: who runs, what was answered. Knows nothing of HTTP servers."""

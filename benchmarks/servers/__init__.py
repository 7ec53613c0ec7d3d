"""The programs that are measured. Each is started with its settings as JSON and prints the port that it listens on."""

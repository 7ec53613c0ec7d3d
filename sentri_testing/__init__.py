"""The pytest kit for applications built on sentri; it arrives with its own issue."""

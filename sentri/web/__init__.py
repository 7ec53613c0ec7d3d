"""What aiohttp sees: the sub-application, the guards, the envelope."""

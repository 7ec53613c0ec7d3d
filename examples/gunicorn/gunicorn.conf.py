"""How gunicorn runs app.py; every setting can be given on its command line as well."""

import os
import secrets
from pathlib import Path

bind = os.environ.get("GUNICORN_BIND", "127.0.0.1:8000")
chdir = str(Path(__file__).parent)
workers = int(os.environ.get("WEB_CONCURRENCY", "4"))
worker_class = "aiohttp.GunicornWebWorker"
graceful_timeout = 30  # seconds for requests under way when a worker is replaced (kill -HUP) or stopped

# Before the workers are forked, so that all of them have the same. In production it comes from where secrets are kept.
_folder = Path(os.environ.get("GUNICORN_FOLDER") or Path(__file__).parent / ".kept")
_folder.mkdir(mode=0o700, parents=True, exist_ok=True)
_secret = _folder / "key-encryption-secret"
if not _secret.exists():
    _secret.touch(mode=0o600)
    _secret.write_text(secrets.token_urlsafe(48))
os.environ.setdefault("SENTRI_KEY_ENCRYPTION_SECRET", _secret.read_text())

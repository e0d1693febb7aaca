"""Password hashes in Django's format, which is what the platform's accounts have."""

import base64
import hashlib
import hmac
import secrets

ALGORITHM = "pbkdf2_sha256"
ITERATIONS = 1_000_000  # Django 5.2's: about 0.2 s, which is why nobody logs in inside a timed step


def hash_password(password: str, *, iterations: int = ITERATIONS) -> str:
    """`pbkdf2_sha256$<iterations>$<salt>$<digest>` with a new salt."""
    salt = secrets.token_urlsafe(16)
    return f"{ALGORITHM}${iterations}${salt}${_digest(password, salt, iterations)}"


def password_matches(password: str, stored: str) -> bool:
    """Whether the password gives the stored hash. False for an unusable hash ("!") or another algorithm."""
    algorithm, _, rest = stored.partition("$")
    iterations, _, salt_and_digest = rest.partition("$")
    salt, _, digest = salt_and_digest.partition("$")
    if algorithm != ALGORITHM or not iterations.isdecimal():
        return False
    return hmac.compare_digest(_digest(password, salt, int(iterations)), digest)


def _digest(password: str, salt: str, iterations: int) -> str:
    raw = hashlib.pbkdf2_hmac("sha256", password.encode(errors="surrogatepass"), salt.encode(), iterations)
    return base64.b64encode(raw).decode("ascii")

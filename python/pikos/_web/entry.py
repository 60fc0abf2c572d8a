"""Who may come in: who has the token, or whom the program names. Nobody else, and nobody where neither is set."""

from __future__ import annotations

import hashlib
import hmac
from urllib.parse import urlsplit

from pikos._web.asked import Refused, Request, printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Container

COOKIE = "pikos_sampling"
#: A token that is shorter can be guessed.
LEAST_TOKEN = 16


class Entry:
    """token: a text of at least 16 characters; users: the names that are let in. Raises ValueError or TypeError for what can't be."""

    def __init__(self, token: str | None = None, users: Container[object] | str | None = None) -> None:
        if token is not None and not isinstance(token, str):
            raise TypeError(f"token must be a text, got a {type(token).__name__}")
        # An empty one is a setting that isn't there.
        if token and len(token) < LEAST_TOKEN:
            raise ValueError(
                f"token has {len(token)} characters, and must have at least {LEAST_TOKEN}: secrets.token_urlsafe() makes one"
            )
        if users is not None and not isinstance(users, str) and not hasattr(users, "__contains__"):
            raise TypeError(f"users must be a set of names, got a {type(users).__name__}")
        self.token = token or None
        # `"ad" in "ada"` is true.
        self.users = {users} if isinstance(users, str) else users

    def admit(self, request: Request) -> bool:
        """Return whether a header with the token came, which no other site can make a browser send. Raises Refused."""
        if self.token is not None:
            scheme, _, given = request.headers.get("authorization", "").partition(" ")
            if scheme.lower() == "bearer" and _same(given.strip(), self.token):
                return True
            if any(_same(value, self.cookie()) for value in _cookies(request)):
                return False
        if self.users is not None and request.user is not None:
            try:
                is_named = request.user in self.users
            except TypeError:
                is_named = False
            if is_named:
                return False
        raise self._refusal(request)

    def _refusal(self, request: Request) -> Refused:
        if self.token is None and not self.users:
            return Refused(403, "Nobody may come in yet: the program names no users and has no token.")
        if self.token is None:
            sentence = "You are not among the users who may come in." if request.user is not None else "Log in first."
            return Refused(403, sentence)
        sentence = "Send the token as the header `Authorization: Bearer TOKEN`."
        return Refused(401, sentence, ("WWW-Authenticate", 'Bearer realm="pikos"'))

    def cookie(self) -> str:
        """What the cookie of who has shown the token holds: the same in all processes that have it, and not the token."""
        assert self.token is not None
        return hmac.new(self.token.encode("utf-8", "replace"), b"pikos.sampling cookie 1", hashlib.sha256).hexdigest()

    def take_token(self, request: Request) -> tuple[str, str]:
        """The header that sets the cookie, for who has sent the token in a form. Raises Refused."""
        given = request.fields_of_form().get("token", "")
        if self.token is None or not _same(given, self.token):
            raise Refused(401, "That is not the token.", ("WWW-Authenticate", 'Bearer realm="pikos"'))
        return self._set_cookie(request, self.cookie(), "")

    def forget(self, request: Request) -> tuple[str, str]:
        """The header that takes the cookie away."""
        return self._set_cookie(request, "", "; Max-Age=0")

    def _set_cookie(self, request: Request, value: str, more: str) -> tuple[str, str]:
        secure = "; Secure" if request.scheme == "https" else ""
        return (
            "Set-Cookie",
            f"{COOKIE}={value}; Path={request.link('') or '/'}; HttpOnly; SameSite=Strict{secure}{more}",
        )


def refuse_other_sites(request: Request, *, is_read: bool = False) -> None:
    """Raise Refused for a change that a page of another site may have made a browser ask for.

    is_read: it is a GET that the program allows to change something. A browser sends no Origin with that.
    """
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        if site == "same-origin" or (is_read and site == "none"):
            return
        raise Refused(403, "This came from another site, and changes something: nothing was done.")
    if is_read:
        return
    origin = request.headers.get("origin")
    if origin is None:
        host = printable(request.headers.get("host", "HOST")[:255])
        raise Refused(
            403,
            "This changes something, and doesn't say which site it comes from: nothing was done. Send the header"
            f" `Origin: {request.scheme}://{host}`, or the token.",
        )
    # Without the scheme: behind a proxy that ends TLS, we don't know it.
    try:
        host = urlsplit(origin).netloc
    except ValueError:
        host = ""
    if not host or host.lower() != request.headers.get("host", "").lower():
        raise Refused(403, "This came from another site, and changes something: nothing was done.")


def _same(given: str, right: str) -> bool:
    """Whether they are equal, in a time that doesn't tell where they differ."""
    return hmac.compare_digest(given.encode("utf-8", "replace"), right.encode("utf-8", "replace"))


def _cookies(request: Request) -> list[str]:
    pairs = (part.strip().partition("=") for part in request.headers.get("cookie", "").split(";"))
    return [value for name, _, value in pairs if name == COOKIE]

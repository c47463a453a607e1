"""The link in a buyer's SMS: whoever opens it on a phone without the app sees a QR code for the locker's camera.

It is a bearer's right, as the code beside it is, and ends with it: its name is drawn from that code, under the key that the codes'
own digests have. So nothing is kept of it, a backend that was restored from a copy still knows it, and it cannot be guessed: 128 bits.
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Iterable
from html import escape
from string import Template
from urllib.parse import quote, unquote

from sim.backend.orders import Grant
from sim.backend.shown import LinkShown
from sim.backend.site import Site

NAME_BYTES = 16
QUIET_MODULES = 4  # around a QR code, ISO/IEC 18004 section 9.1

_LINK = re.compile(r"/q/([^/\s]+)/([A-Z2-7]{26})(?!\S)")
_STYLE = (
    "body{margin:0 auto;max-width:28rem;padding:1rem;font:1.1rem/1.4 system-ui,sans-serif;color:#111;background:#fff;text-align:center}"
    "h1{font-size:1.5rem;margin:.5rem}svg{display:block;width:100%;max-height:70vh}p{margin:.5rem}.how{font-weight:600}"
)
_PAGE = Template(
    '<!doctype html><html lang="ru"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
    '<meta name="robots" content="noindex"><meta name="color-scheme" content="light"><title>$title</title>'
    f"<style>{_STYLE}</style></head><body><main><h1>$title</h1>$body</main></body></html>"
)
# Nothing is loaded, nothing runs, and no other page shows it within itself.
POLICY = (
    "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'; style-src 'sha256-"
    f"{base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()}'"
)


def name_of(site: Site, grant: Grant) -> str:
    """The part of its link that nobody can guess; a right with another code has another one."""
    said = hmac.digest(site.code_key, f"link {grant.id} {grant.code}".encode(), "sha256")
    return base64.b32encode(said[:NAME_BYTES]).decode().rstrip("=")


def is_named(site: Site, grant: Grant, name: str) -> bool:
    """Whether it is the right's; in a time that does not tell how much of it is."""
    return hmac.compare_digest(name_of(site, grant).encode(), name.encode())


def address(site: Site, waybill: str, grant: Grant) -> str:
    """The link, whole; "" where the backend sends none."""
    return f"{site.sms_link}{quote(waybill, safe='')}/{name_of(site, grant)}" if site.sms_link else ""


def found(texts: Iterable[str], waybill: str) -> str | None:
    """The name in the link to this parcel in the first of these SMS that has one."""
    links = (link for text in texts for link in _LINK.finditer(text))
    return next((name for whose, name in map(re.Match.groups, links) if unquote(whose) == waybill), None)


def page(shown: LinkShown) -> bytes:
    """The page: the code as large as the phone is, and how to hold it."""
    side = shown.size + 2 * QUIET_MODULES
    body = (
        f"<p>{escape(shown.address)}</p>"
        f'<svg viewBox="{-QUIET_MODULES} {-QUIET_MODULES} {side} {side}" role="img" aria-label="QR-код" shape-rendering="crispEdges">'
        f'<path d="{escape(shown.path)}"/></svg>'
        '<p class="how">На экране постамата нажмите «Получить посылку» и поднесите телефон к камере.</p>'
        f"<p>{escape(shown.until)}</p>"
    )
    return _PAGE.substitute(title=f"Посылка {escape(shown.waybill)}", body=body).encode()


def refusal(message: str) -> bytes:
    """The page where there is no code to show, and why."""
    return _PAGE.substitute(title="Кода здесь нет", body=f"<p>{escape(message)}</p>").encode()

"""A reference backend: orders, codes and SMS, signed grants and commands, and the journal that moves an order along.

It trusts the locker's journal for custody and nothing else: money moves only on the locker's own entry, and once.
"""

from sim.backend.backend import Backend
from sim.backend.commands import Command
from sim.backend.database import Database
from sim.backend.journal import JournalBroken, Ledger
from sim.backend.link import Link
from sim.backend.orders import Order, Refund, Sms, Stage
from sim.backend.signing import Signer, unsigned
from sim.backend.site import CodeAt, Site

__all__ = [
    "Backend",
    "CodeAt",
    "Command",
    "Database",
    "JournalBroken",
    "Ledger",
    "Link",
    "Order",
    "Refund",
    "Signer",
    "Site",
    "Sms",
    "Stage",
    "unsigned",
]

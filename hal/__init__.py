"""The locker's body: lock boards, pins, ports. It knows no parcel and no person."""

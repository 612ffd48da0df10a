"""What the examples in the API document have in common: one story, under the same ids.

Jo Driver books at 14:02 and signs; Ada Chen, on shift since 13:00, is asked and accepts.
"""

CUSTOMER_ID = "3f0c9a52-6f0e-4e0b-9a53-4a2f1c7b8e10"
MECHANIC_ID = "b81d7e64-19c2-47f5-8d0a-5c3e9f2a6b47"
ADMIN_ID = "6ad2f1c8-93b7-4c1e-8f25-0b7d4e6a9c31"
NAME = "Jo Driver"
PHONE = "+14165550100"

SESSION_ID = "01KJQDPH4RAXKW00A50AYAC46S"
ASSIGNMENT_ID = "01KJQDQYVWWB0YWC1DFPRXT5SH"
SHIFT_ID = "01KJQA4N4022NWP2ZZTNXDGCY3"

CLOCKED_IN_AT = "2026-03-02T13:00:00.000Z"
BOOKED_AT = "2026-03-02T14:02:11.480Z"
AWAITING_UNTIL = "2026-03-02T14:32:11.480Z"
SIGNED_AT = "2026-03-02T14:02:58.120Z"
OFFERED_AT = "2026-03-02T14:02:58.300Z"
OFFER_ENDS_AT = "2026-03-02T14:07:58.300Z"
ACCEPTED_AT = "2026-03-02T14:03:40.905Z"

SCHEDULED_START = "2026-03-04T15:00:00.000Z"
SCHEDULED_END = "2026-03-04T15:15:00.000Z"

CONCERN = "Check engine light on, rough idle, need diagnostics"
KEYWORDS = ["check engine light", "engine diagnostic"]
VEHICLE = {"year": 2019, "make": "Honda", "model": "Civic"}
CITY = "Toronto"

POLICY_CHANGED_AT = "2026-02-27T09:15:30.250Z"

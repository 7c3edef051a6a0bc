"""Finish: what happens to every styled picture, at the size that is shown.

    source ─┬──────────────────────────┬─────────────┬──────────────┬──────────────┐
            ▼                          ▼             ▼              ▼              ▼
         changed? ─► Stylizer ─► detail of it ─► its colour, ─► hold what ─► kept rectangles ─► out
                                                 a mix of it   stands still      of it

A stylizer gives the look. What people read, and that what stands still is still, comes back here.
"""

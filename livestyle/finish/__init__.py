"""Finish: what happens to every styled picture, at the size that is shown.

    source ─┬────────────────────────────┬───────────┬─────────────┬──────────────┐
            ▼                            ▼           ▼             ▼              ▼
         changed? ─► Stylizer ─► detail of it ─► hold what ─► its colour, ─► kept rectangles ─► out
                                                 stands still   a mix of it     of it

A stylizer gives the look. What people read, and that what stands still is still, comes back here.
"""

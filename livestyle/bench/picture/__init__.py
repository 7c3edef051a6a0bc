"""`livestyle bench picture`: what stylizers make of a picture, judged.

Scene ─► Contestant ─► judge ─► figures, and the pictures for a sheet
"""

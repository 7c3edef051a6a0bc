"""Pictures that leave by the page's server: live, alone for OBS, and one at a time."""

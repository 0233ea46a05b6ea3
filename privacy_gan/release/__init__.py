"""Use of trained mechanisms: export, censoring of photographs, and the demo page."""

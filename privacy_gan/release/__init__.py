"""What leaves the house: exported mechanisms, censored photographs, a page to look at faces."""

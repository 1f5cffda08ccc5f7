"""What trains: torch or CNTK behind one face (`base`)."""

"""`trunkline chaos`: a throw-away Trunkline under load, killed at random, and the audit of what it promised."""

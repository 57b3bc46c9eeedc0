"""Other protocols than our own, each a feature: what they speak becomes calls on the bus, and the other way round."""

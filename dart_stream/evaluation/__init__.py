"""Methods of early exit compared on one model: what `evaluate` computes, without its screen."""

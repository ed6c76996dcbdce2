"""How far scores can be trusted: one file per study, arrays and frames in, figures out."""

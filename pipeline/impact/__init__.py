"""Topic pools, TNCSI_SP and its companions."""

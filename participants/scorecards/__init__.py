"""An analyst's side of scorecards: plans, labelled samples, fitting, figures, files and reports; no node needs it."""

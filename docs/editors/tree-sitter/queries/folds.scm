[
  (expose)
  (template)
  (budget)
  (invariant)
  (test)
] @fold

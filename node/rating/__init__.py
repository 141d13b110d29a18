"""From checks (and a judge, where there is one) to four criterion scores in [0, 1]."""

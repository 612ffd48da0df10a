"""How often one user may do what is dear: a machine is stopped long after a person would be."""

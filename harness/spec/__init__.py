"""The register: what the RFCs ask, as data, and the rulings on their ambiguous texts."""

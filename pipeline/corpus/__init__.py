"""Records of every source -> papers: parsing, validation, entity resolution, simulation."""

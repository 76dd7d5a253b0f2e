"""Plans and frontiers as pictures: SVG, PNG or PDF, in the viewer's colours."""

"""Does it remember what was built, dug, crafted and carried? Measures for the voxel world."""

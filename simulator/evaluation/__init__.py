"""Does it remember? Measures of memory for any engine, on any folder of Memory Maze or voxel episodes."""

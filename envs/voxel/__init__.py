"""A Minecraft-like world: an island one can dig, build and craft on. Import `envs.voxel.env` for the Gymnasium env."""

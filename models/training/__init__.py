"""How the network learns: objective, data, optimisers, trainer."""

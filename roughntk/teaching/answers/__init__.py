"""The exercises, a module a tutorial: `tutorial_NN.EXERCISES`. Found by number, imported when they are asked for."""

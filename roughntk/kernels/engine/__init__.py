"""How kernels are computed: compiling, padding, loops over layers, and depths that no loop reaches."""
